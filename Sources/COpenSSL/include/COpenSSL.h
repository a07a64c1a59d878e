//  OpenSSL's C interface, with what Swift cannot express.
#pragma once
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/err.h>
#include <openssl/bio.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

// Macros with casts, which Swift cannot call.

static inline long copenssl_set_min_version(SSL_CTX *_Nonnull context, int version) {
    return SSL_CTX_set_min_proto_version(context, version);
}

/// Gives back the record buffers of an idle connection.
static inline long copenssl_release_buffers(SSL_CTX *_Nonnull context) {
    return SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
}

/// Key agreement groups, best first.
static inline long copenssl_set_groups(SSL_CTX *_Nonnull context, const char *_Nonnull names) {
    return SSL_CTX_set1_groups_list(context, names);
}

/// No session is kept here: tickets (RFC 5077, RFC 8446 §4.6.1) carry them.
static inline long copenssl_keep_no_sessions(SSL_CTX *_Nonnull context) {
    return SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
}

/// Chooses `http/1.1` (RFC 7301); a client that offers only others is refused, as §3.2 asks.
void copenssl_select_http11(SSL_CTX *_Nonnull context);

/// Keys a MAC as HMAC-SHA256: 1 when done. In C because the parameter holds a pointer to the digest's name.
int copenssl_hmac_sha256(EVP_MAC_CTX *_Nonnull context, const unsigned char *_Nonnull key, size_t count);

/// Uses the first certificate of a PEM text, and those after it as its chain. 1, or 0 with an error in the queue.
int copenssl_use_chain(SSL_CTX *_Nonnull context, const void *_Nullable bytes, int count);

/// Uses the private key of a PEM text; one that is encrypted is an error.
int copenssl_use_key(SSL_CTX *_Nonnull context, const void *_Nullable bytes, int count);

/// Trusts the certificates of a PEM text to vouch for clients, and names them when asking.
int copenssl_trust_clients(SSL_CTX *_Nonnull context, const void *_Nullable bytes, int count);

/// From when to when the certificate in use is valid, in seconds since 1970.
void copenssl_validity(SSL_CTX *_Nonnull context, long long *_Nonnull begins, long long *_Nonnull ends);

/// What one thread's connections and OpenSSL hand each other: bytes received and not yet used, bytes to be sent. One
/// for all connections, so that none keeps a buffer of its own.
typedef struct {
    const unsigned char *_Nullable input;
    size_t input_left;
    unsigned char *_Nullable output;
    size_t output_count;
    size_t output_capacity;
} copenssl_pipe;

/// A BIO that reads from and writes to the pipe, which must outlive it.
BIO *_Nullable copenssl_pipe_bio(copenssl_pipe *_Nonnull pipe);

enum { copenssl_tls12 = TLS1_2_VERSION };
static const uint64_t copenssl_no_renegotiation = SSL_OP_NO_RENEGOTIATION;
static const uint64_t copenssl_server_preference = SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA;
