//  libcurl's C interface, with what Swift cannot express.
#pragma once
#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

/// What is called of libcurl. It is loaded when the first request goes out: Debian's needs thirty other libraries, which
/// would take a good part of the program's start and 5 MB of memory from a gateway that asks nobody.
struct ccurl_functions {
    CURLcode (*_Nonnull global_init)(long flags);
    CURL *_Nullable (*_Nonnull easy_init)(void);
    CURLcode (*_Nonnull easy_setopt)(CURL *_Nonnull easy, CURLoption option, ...);
    CURLcode (*_Nonnull easy_getinfo)(CURL *_Nonnull easy, CURLINFO info, ...);
    void (*_Nonnull easy_reset)(CURL *_Nonnull easy);
    void (*_Nonnull easy_cleanup)(CURL *_Nullable easy);
    const char *_Nonnull (*_Nonnull easy_strerror)(CURLcode code);
    struct curl_slist *_Nullable (*_Nonnull slist_append)(struct curl_slist *_Nullable list, const char *_Nonnull text);
    void (*_Nonnull slist_free_all)(struct curl_slist *_Nullable list);
    CURLM *_Nullable (*_Nonnull multi_init)(void);
    CURLMcode (*_Nonnull multi_setopt)(CURLM *_Nonnull multi, CURLMoption option, ...);
    CURLMcode (*_Nonnull multi_add_handle)(CURLM *_Nonnull multi, CURL *_Nonnull easy);
    CURLMcode (*_Nonnull multi_remove_handle)(CURLM *_Nonnull multi, CURL *_Nonnull easy);
    CURLMcode (*_Nonnull multi_perform)(CURLM *_Nonnull multi, int *_Nonnull running);
    CURLMcode (*_Nonnull multi_poll)(CURLM *_Nonnull multi, struct curl_waitfd *_Nullable extra, unsigned int count,
                                     int milliseconds, int *_Nullable ready);
    CURLMcode (*_Nonnull multi_wakeup)(CURLM *_Nonnull multi);
    CURLMsg *_Nullable (*_Nonnull multi_info_read)(CURLM *_Nonnull multi, int *_Nonnull left);
    CURLMcode (*_Nonnull multi_cleanup)(CURLM *_Nonnull multi);
    const char *_Nonnull (*_Nonnull multi_strerror)(CURLMcode code);
};
extern struct ccurl_functions ccurl_library;

/// Loads libcurl; call it once, before anything else here. NULL when it is there, else what is wrong.
const char *_Nullable ccurl_load(void);

/// One wrapper per value type: curl_easy_setopt() is variadic, which Swift cannot call.
static inline CURLcode ccurl_set_long(CURL *_Nonnull easy, CURLoption option, long value) {
    return ccurl_library.easy_setopt(easy, option, value);
}

/// For options that take a `curl_off_t`.
static inline CURLcode ccurl_set_offset(CURL *_Nonnull easy, CURLoption option, curl_off_t value) {
    return ccurl_library.easy_setopt(easy, option, value);
}

/// For options that take a text; libcurl copies it.
static inline CURLcode ccurl_set_text(CURL *_Nonnull easy, CURLoption option, const char *_Nullable value) {
    return ccurl_library.easy_setopt(easy, option, value);
}

/// For options that take a pointer: lists, buffers and the callbacks' user data.
static inline CURLcode ccurl_set_pointer(CURL *_Nonnull easy, CURLoption option, void *_Nullable value) {
    return ccurl_library.easy_setopt(easy, option, value);
}

/// For CURLOPT_WRITEFUNCTION and CURLOPT_HEADERFUNCTION.
static inline CURLcode ccurl_set_writer(CURL *_Nonnull easy, CURLoption option, curl_write_callback _Nonnull value) {
    return ccurl_library.easy_setopt(easy, option, value);
}

/// CURLOPT_OPENSOCKETFUNCTION.
static inline CURLcode ccurl_set_open_socket(CURL *_Nonnull easy, curl_opensocket_callback _Nonnull value) {
    return ccurl_library.easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, value);
}

/// CURLOPT_PREREQFUNCTION.
static inline CURLcode ccurl_set_prereq(CURL *_Nonnull easy, curl_prereq_callback _Nonnull value) {
    return ccurl_library.easy_setopt(easy, CURLOPT_PREREQFUNCTION, value);
}

/// curl_easy_getinfo() is variadic too.
static inline CURLcode ccurl_get_long(CURL *_Nonnull easy, CURLINFO info, long *_Nonnull value) {
    return ccurl_library.easy_getinfo(easy, info, value);
}

/// For infos that are a `curl_off_t`.
static inline CURLcode ccurl_get_offset(CURL *_Nonnull easy, CURLINFO info, curl_off_t *_Nonnull value) {
    return ccurl_library.easy_getinfo(easy, info, value);
}

/// curl_multi_setopt() is variadic.
static inline CURLMcode ccurl_multi_set_long(CURLM *_Nonnull multi, CURLMoption option, long value) {
    return ccurl_library.multi_setopt(multi, option, value);
}

/// The numeric text of the address that libcurl is about to connect to; 0 when it is of no internet family.
static inline int ccurl_address_text(const struct curl_sockaddr *_Nonnull address, char *_Nonnull text, socklen_t size) {
    const void *bytes;
    if (address->family == AF_INET) bytes = &((const struct sockaddr_in *)(const void *)&address->addr)->sin_addr;
    else if (address->family == AF_INET6) bytes = &((const struct sockaddr_in6 *)(const void *)&address->addr)->sin6_addr;
    else return 0;
    return inet_ntop(address->family, bytes, text, size) != NULL;
}

/// The socket for that address; SOCK_CLOEXEC is in no enumeration that Swift sees.
static inline curl_socket_t ccurl_open_socket(const struct curl_sockaddr *_Nonnull address) {
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

// The rest as it is.

static inline CURLcode ccurl_global_init(long flags) { return ccurl_library.global_init(flags); }
static inline CURL *_Nullable ccurl_easy_init(void) { return ccurl_library.easy_init(); }
static inline void ccurl_easy_reset(CURL *_Nonnull easy) { ccurl_library.easy_reset(easy); }
static inline void ccurl_easy_cleanup(CURL *_Nullable easy) { ccurl_library.easy_cleanup(easy); }
static inline const char *_Nonnull ccurl_easy_strerror(CURLcode code) { return ccurl_library.easy_strerror(code); }
static inline struct curl_slist *_Nullable ccurl_slist_append(struct curl_slist *_Nullable list, const char *_Nonnull text) {
    return ccurl_library.slist_append(list, text);
}
static inline void ccurl_slist_free_all(struct curl_slist *_Nullable list) { ccurl_library.slist_free_all(list); }
static inline CURLM *_Nullable ccurl_multi_init(void) { return ccurl_library.multi_init(); }
static inline CURLMcode ccurl_multi_add_handle(CURLM *_Nonnull multi, CURL *_Nonnull easy) {
    return ccurl_library.multi_add_handle(multi, easy);
}
static inline CURLMcode ccurl_multi_remove_handle(CURLM *_Nonnull multi, CURL *_Nonnull easy) {
    return ccurl_library.multi_remove_handle(multi, easy);
}
static inline CURLMcode ccurl_multi_perform(CURLM *_Nonnull multi, int *_Nonnull running) {
    return ccurl_library.multi_perform(multi, running);
}
static inline CURLMcode ccurl_multi_poll(CURLM *_Nonnull multi, int milliseconds) {
    return ccurl_library.multi_poll(multi, NULL, 0, milliseconds, NULL);
}
static inline CURLMcode ccurl_multi_wakeup(CURLM *_Nonnull multi) { return ccurl_library.multi_wakeup(multi); }
static inline CURLMsg *_Nullable ccurl_multi_info_read(CURLM *_Nonnull multi, int *_Nonnull left) {
    return ccurl_library.multi_info_read(multi, left);
}
static inline CURLMcode ccurl_multi_cleanup(CURLM *_Nonnull multi) { return ccurl_library.multi_cleanup(multi); }
static inline const char *_Nonnull ccurl_multi_strerror(CURLMcode code) { return ccurl_library.multi_strerror(code); }
