/* OpenSSL's libcrypto as a host's message authentication: vt_host_config.crypto. In a library of its own,
 * libvitro-openssl, so that libvitro needs the C library alone. */
#ifndef VITRO_OPENSSL_H
#define VITRO_OPENSSL_H

#include <vitro/crypto.h>

/* Good for any number of hosts, in any thread, for as long as the program runs. */
const struct vt_crypto *vt_crypto_openssl(void);

#endif
