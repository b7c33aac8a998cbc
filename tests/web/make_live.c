/* Prints what the lens tells the page of a staged conversation: data with markup in it, a loss, an end beside
 * the lab, a standstill. */
#include <stdio.h>
#include <stdlib.h>

#include "lens/scene.h"

int main(void)
{
    struct scene s = {.frames = true};
    struct vt_live *live = vt_live_new(&(struct vt_live_config){.title = "a <lab> & more"});
    struct vt_event set = {.kind = VT_EV_LINK_SET};
    char *text = NULL;
    if (live == NULL)
        return 1;
    scene_listen(&s, vt_live_event, live);
    scene_topology(&s);
    scene_open(&s);
    scene_call(&s, A, 1, VT_CALL_SEND, 13, false);
    scene_say(&s, A, VT_PSH | VT_ACK, ISN_A + 1, ISN_B + 1, "<b>hello</b>\n", VT_SEG_NEW);
    scene_call(&s, B, 2, VT_CALL_RECV, 13, false);
    struct packet p = scene_seg(&s, B, 2, 9528, A, 40000, VT_ACK, ISN_B + 1, ISN_A + 14, "", VT_SEG_ACK);
    scene_depart(&s, &p, B, S1);
    scene_drop(&s, &p, 0, VT_DROP_CABLE_LOSS);
    scene_say(&s, B, VT_ACK, ISN_B + 1, ISN_A + 14, "", VT_SEG_ACK);
    set.u.link.which = 2;
    set.u.link.node_a = B;
    set.u.link.port_a = 1;
    scene_emit(&s, &set, 0, (struct vt_event_id){0, 0}, "loss 30%", 8);
    scene_call(&s, A, 1, VT_CALL_RECV, -VT_EAGAIN, true);
    scene_call(&s, B, 2, VT_CALL_RECV, -VT_EAGAIN, true);
    scene_wait(&s, 3000 * MS);
    bool done = vt_live_json(live, s.now, false, &text) > 0 && fputs(text, stdout) >= 0;
    free(text);
    vt_live_free(live);
    return done ? 0 : 1;
}
