//  libcurl's C interface, with what Swift cannot express.
#pragma once
#include <curl/curl.h>

/// One wrapper per value type: curl_easy_setopt() is variadic, which Swift cannot call.
static inline CURLcode ccurl_set_long(CURL *_Nonnull easy, CURLoption option, long value) {
    return curl_easy_setopt(easy, option, value);
}
