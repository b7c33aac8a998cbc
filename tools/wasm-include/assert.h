/* <assert.h> for compilers without a C library: the page that loads the core imports vt_assert_failed(). */
#undef assert
#ifdef NDEBUG
#define assert(condition) ((void)0)
#else
_Noreturn void vt_assert_failed(const char *condition, const char *file, int line);
#define assert(condition) ((condition) ? (void)0 : vt_assert_failed(#condition, __FILE__, __LINE__))
#endif
#ifndef VT_WASM_STATIC_ASSERT
#define VT_WASM_STATIC_ASSERT
#define static_assert _Static_assert
#endif
