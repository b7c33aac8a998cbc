/* The words of the lists in <vitro/event.h>. */
#include <vitro/event.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const char *word(const char *const *words, size_t count, unsigned i)
{
    return i < count && words[i] != NULL ? words[i] : "?";
}

const char *vt_event_word(unsigned kind)
{
    static const char *const words[] = {
#define X(name, layer, word, meaning) [VT_EV_##name] = (word),
        VT_EVENT_LIST(X)
#undef X
    };
    return word(words, COUNT(words), kind);
}

const char *vt_drop_word(unsigned reason)
{
    static const char *const words[] = {
#define X(name, layer, word, meaning) [VT_DROP_##name] = (word),
        VT_DROP_LIST(X)
#undef X
    };
    return word(words, COUNT(words), reason);
}

const char *vt_drop_text(unsigned reason)
{
    static const char *const words[] = {
#define X(name, layer, word, meaning) [VT_DROP_##name] = (meaning),
        VT_DROP_LIST(X)
#undef X
    };
    return word(words, COUNT(words), reason);
}

unsigned vt_drop_layer(unsigned reason)
{
    static const uint8_t layers[] = {
#define X(name, layer, word, meaning) [VT_DROP_##name] = (layer),
        VT_DROP_LIST(X)
#undef X
    };
    return reason < COUNT(layers) ? layers[reason] : VT_L_HOST;
}

const char *vt_tcp_state_name(unsigned state)
{
    static const char *const words[] = {
#define X(name, rfc, ss) [VT_TCP_##name] = (rfc),
        VT_TCP_STATE_LIST(X)
#undef X
    };
    return word(words, COUNT(words), state);
}

const char *vt_tcp_state_ss(unsigned state)
{
    static const char *const words[] = {
#define X(name, rfc, ss) [VT_TCP_##name] = (ss),
        VT_TCP_STATE_LIST(X)
#undef X
    };
    return word(words, COUNT(words), state);
}

const char *vt_tcp_timer_word(unsigned timer)
{
    static const char *const words[] = {
#define X(name, word) [VT_TCP_TIMER_##name] = (word),
        VT_TCP_TIMER_LIST(X)
#undef X
    };
    return word(words, COUNT(words), timer);
}

const char *vt_seg_why_word(unsigned why)
{
    static const char *const words[] = {
#define X(name, word) [VT_SEG_##name] = (word),
        VT_SEG_WHY_LIST(X)
#undef X
    };
    return word(words, COUNT(words), why);
}

const char *vt_call_word(unsigned call)
{
    static const char *const words[] = {
#define X(name, word) [VT_CALL_##name] = (word),
        VT_CALL_LIST(X)
#undef X
    };
    return word(words, COUNT(words), call);
}

const char *vt_neigh_state_word(unsigned state)
{
    static const char *const words[] = {
#define X(name, word) [VT_NEIGH_##name] = (word),
        VT_NEIGH_STATE_LIST(X)
#undef X
    };
    return word(words, COUNT(words), state);
}

const char *vt_doc_text(unsigned doc)
{
    static const char *const words[] = {[VT_DOC_NONE] = "",
#define X(name, text) [VT_DOC_##name] = (text),
                                        VT_DOC_LIST(X)
#undef X
    };
    return word(words, COUNT(words), doc);
}
