#include "COpenSSL.h"

static int select_http11(SSL *ssl, const unsigned char **out, unsigned char *length, const unsigned char *in,
                         unsigned int in_length, void *argument) {
    static const unsigned char ours[] = "\x08http/1.1";
    (void)ssl;
    (void)argument;
    if (SSL_select_next_proto((unsigned char **)out, length, ours, sizeof ours - 1, in, in_length) ==
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_OK;
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

void copenssl_select_http11(SSL_CTX *context) { SSL_CTX_set_alpn_select_cb(context, select_http11, NULL); }
