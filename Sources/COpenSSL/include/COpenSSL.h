//  OpenSSL's C interface, with what Swift cannot express.
#pragma once
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/err.h>
#include <openssl/bio.h>
#include <openssl/x509.h>

// Macros with casts, which Swift cannot call.

static inline long copenssl_set_min_version(SSL_CTX *_Nonnull context, int version) {
    return SSL_CTX_set_min_proto_version(context, version);
}

/// Gives back the record buffers of an idle connection.
static inline long copenssl_release_buffers(SSL_CTX *_Nonnull context) {
    return SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
}

/// An empty memory BIO means "no more yet", not the end.
static inline long copenssl_bio_retries_when_empty(BIO *_Nonnull bio) { return BIO_set_mem_eof_return(bio, -1); }

/// The bytes in a memory BIO, which keeps them.
static inline long copenssl_bio_bytes(BIO *_Nonnull bio, const char *_Nullable *_Nonnull bytes) {
    return BIO_get_mem_data(bio, (char **)bytes);
}

static inline int copenssl_bio_reset(BIO *_Nonnull bio) { return (int)BIO_reset(bio); }

/// Chooses `http/1.1` (RFC 7301); a client that offers only others is refused, as §3.2 asks.
void copenssl_select_http11(SSL_CTX *_Nonnull context);

enum { copenssl_tls12 = TLS1_2_VERSION };
