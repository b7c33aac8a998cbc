/* A promise between two parts of the library, checked where it would otherwise be broken in silence.
 *
 * Only for what no packet, file or program can bring about: a failure is a fault in this code, and stops it
 * on the spot. Input that may be wrong is a counted drop or an error, never this.
 */
#ifndef VT_BASE_CHECK_H
#define VT_BASE_CHECK_H

#define VT_ASSERT(promise) ((promise) ? (void)0 : __builtin_trap())

#endif
