// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "http/api.h"
#include "http/message.h"

namespace millrace::http {

// Answers one request through the API (docs/http.md lists the routes). Pure dispatch: `reply` is
// called once, before Route returns or, for an invoke, later from the thread on which the API calls
// back. Never throws; what goes wrong in the API is a 500.
void Route(Api& api, Request request, const ReplyCallback& reply);

}  // namespace millrace::http
