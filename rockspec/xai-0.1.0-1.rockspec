rockspec_format = "3.0"
package = "xai"
version = "0.1.0-1"

-- No public home yet: `make rock` packs it with its source.
source = {
  url = "."
}

description = {
  summary = "The Grok (xAI) API for Lua: streams, tools, structured answers, cost to the tick",
  detailed = [[
A client for the Grok API over a small C core: answers streamed and folded into the API's own objects, retries that
never repeat a request which may have been billed, coroutines that wait for each other, and a simulator of the API that
needs neither key nor network. The simulator's server (`xai sim --port 0`) also needs lua-http (the rock "http").]],
  license = "MIT",
  labels = { "grok", "xai", "llm", "ai", "streaming" }
}

supported_platforms = { "unix" }

dependencies = {
  "lua >= 5.1, < 5.5",
  "argparse >= 0.7"
}

test_dependencies = {
  "busted >= 2.0",
  "lua-cjson >= 2.1"
}

-- libcurl 7.85 and PCRE2 10.34 or later, with their headers (Debian: libcurl4-openssl-dev, libpcre2-dev). The headers are
-- where the compiler looks, which LuaRocks does not know on Debian; it looks for what comes with them.
external_dependencies = {
  CURL = { library = "curl" },
  PCRE2 = { library = "pcre2-8" }
}

-- `make lint` holds both lists against the tree.
build = {
  type = "builtin",
  modules = {
    ["xai.core"] = {
      sources = {
        "core/src/xai_answer.c",
        "core/src/xai_answer_clean.c",
        "core/src/xai_backoff.c",
        "core/src/xai_breaker.c",
        "core/src/xai_buf.c",
        "core/src/xai_call.c",
        "core/src/xai_client.c",
        "core/src/xai_client_calls.c",
        "core/src/xai_client_new.c",
        "core/src/xai_curl_end.c",
        "core/src/xai_curl_h2.c",
        "core/src/xai_curl_limits.c",
        "core/src/xai_curl_load.c",
        "core/src/xai_curl_race.c",
        "core/src/xai_curl_setup.c",
        "core/src/xai_curl_trust.c",
        "core/src/xai_curl_wire.c",
        "core/src/xai_decimal.c",
        "core/src/xai_door.c",
        "core/src/xai_equal.c",
        "core/src/xai_err.c",
        "core/src/xai_err_api.c",
        "core/src/xai_fold.c",
        "core/src/xai_fold_chat.c",
        "core/src/xai_fold_responses.c",
        "core/src/xai_fold_text.c",
        "core/src/xai_format.c",
        "core/src/xai_format_idn.c",
        "core/src/xai_format_idn_table.c",
        "core/src/xai_format_net.c",
        "core/src/xai_format_regex.c",
        "core/src/xai_format_regex_names.c",
        "core/src/xai_format_time.c",
        "core/src/xai_format_uri.c",
        "core/src/xai_gate.c",
        "core/src/xai_head.c",
        "core/src/xai_host.c",
        "core/src/xai_http1.c",
        "core/src/xai_json.c",
        "core/src/xai_json_number.c",
        "core/src/xai_json_read.c",
        "core/src/xai_json_stream.c",
        "core/src/xai_json_write.c",
        "core/src/xai_key.c",
        "core/src/xai_lane.c",
        "core/src/xai_limiter.c",
        "core/src/xai_line.c",
        "core/src/xai_links.c",
        "core/src/xai_log.c",
        "core/src/xai_log_call.c",
        "core/src/xai_mem.c",
        "core/src/xai_nfa.c",
        "core/src/xai_nfa_match.c",
        "core/src/xai_no_proxy.c",
        "core/src/xai_options.c",
        "core/src/xai_pattern.c",
        "core/src/xai_pattern_plain.c",
        "core/src/xai_pattern_simple.c",
        "core/src/xai_pattern_write.c",
        "core/src/xai_poll.c",
        "core/src/xai_pool.c",
        "core/src/xai_quiet.c",
        "core/src/xai_quota.c",
        "core/src/xai_race.c",
        "core/src/xai_rate_hint.c",
        "core/src/xai_redact.c",
        "core/src/xai_report.c",
        "core/src/xai_request.c",
        "core/src/xai_schema.c",
        "core/src/xai_schema_check.c",
        "core/src/xai_schema_early.c",
        "core/src/xai_schema_keyword.c",
        "core/src/xai_schema_leaf.c",
        "core/src/xai_schema_meta.c",
        "core/src/xai_schema_place.c",
        "core/src/xai_schema_ref.c",
        "core/src/xai_schema_rules.c",
        "core/src/xai_schema_stream.c",
        "core/src/xai_schema_switch.c",
        "core/src/xai_schema_task.c",
        "core/src/xai_schema_words.c",
        "core/src/xai_scripted.c",
        "core/src/xai_secret.c",
        "core/src/xai_share.c",
        "core/src/xai_sockets.c",
        "core/src/xai_spend.c",
        "core/src/xai_sse.c",
        "core/src/xai_talk.c",
        "core/src/xai_timers.c",
        "core/src/xai_transport_curl.c",
        "core/src/xai_transport_host.c",
        "core/src/xai_transport_scripted.c",
        "core/src/xai_uri.c",
        "core/src/xai_window.c",
        "lua/c/lxai.c",
        "lua/c/lxai_block.c",
        "lua/c/lxai_budget.c",
        "lua/c/lxai_call.c",
        "lua/c/lxai_client.c",
        "lua/c/lxai_encode.c",
        "lua/c/lxai_event.c",
        "lua/c/lxai_growth.c",
        "lua/c/lxai_json.c",
        "lua/c/lxai_lines.c",
        "lua/c/lxai_lot.c",
        "lua/c/lxai_rates.c",
        "lua/c/lxai_result.c",
        "lua/c/lxai_schema.c",
        "lua/c/lxai_sse.c",
        "lua/c/lxai_terminal.c",
        "lua/c/lxai_wait.c",
        "lua/c/lxai_wire.c"
      },
      -- libcurl is loaded by the first client that needs it; the module shows luaopen_xai_core alone.
      defines = { "XAI_LAZY_CURL", "XAI_HIDDEN" },
      incdirs = { "core/include", "$(CURL_INCDIR)", "$(PCRE2_INCDIR)" },
      libdirs = { "$(CURL_LIBDIR)", "$(PCRE2_LIBDIR)" },
      libraries = { "pcre2-8", "m" }
    },
    ["xai.budget"] = "lua/xai/budget.lua",
    ["xai.call"] = "lua/xai/call.lua",
    ["xai.carrier"] = "lua/xai/carrier.lua",
    ["xai.cli"] = "lua/xai/cli.lua",
    ["xai.cli.ask"] = "lua/xai/cli/ask.lua",
    ["xai.cli.chat"] = "lua/xai/cli/chat.lua",
    ["xai.cli.doctor"] = "lua/xai/cli/doctor.lua",
    ["xai.cli.host"] = "lua/xai/cli/host.lua",
    ["xai.cli.models"] = "lua/xai/cli/models.lua",
    ["xai.cli.place"] = "lua/xai/cli/place.lua",
    ["xai.cli.schema"] = "lua/xai/cli/schema.lua",
    ["xai.cli.sim"] = "lua/xai/cli/sim.lua",
    ["xai.cli.words"] = "lua/xai/cli/words.lua",
    ["xai.client"] = "lua/xai/client.lua",
    ["xai.conversation"] = "lua/xai/conversation.lua",
    ["xai.cqueues"] = "lua/xai/cqueues.lua",
    ["xai.error"] = "lua/xai/error.lua",
    ["xai.event"] = "lua/xai/event.lua",
    ["xai.extract"] = "lua/xai/extract.lua",
    ["xai.frame"] = "lua/xai/frame.lua",
    ["xai.heap"] = "lua/xai/heap.lua",
    ["xai.hosted"] = "lua/xai/hosted.lua",
    ["xai"] = "lua/xai/init.lua",
    ["xai.json"] = "lua/xai/json.lua",
    ["xai.key"] = "lua/xai/key.lua",
    ["xai.late"] = "lua/xai/late.lua",
    ["xai.link"] = "lua/xai/link.lua",
    ["xai.log"] = "lua/xai/log.lua",
    ["xai.loop"] = "lua/xai/loop.lua",
    ["xai.ngx"] = "lua/xai/ngx.lua",
    ["xai.ngx.limit"] = "lua/xai/ngx/limit.lua",
    ["xai.ngx.relay"] = "lua/xai/ngx/relay.lua",
    ["xai.offer"] = "lua/xai/offer.lua",
    ["xai.options"] = "lua/xai/options.lua",
    ["xai.partial"] = "lua/xai/partial.lua",
    ["xai.prefix"] = "lua/xai/prefix.lua",
    ["xai.prices"] = "lua/xai/prices.lua",
    ["xai.random"] = "lua/xai/random.lua",
    ["xai.rates"] = "lua/xai/rates.lua",
    ["xai.report"] = "lua/xai/report.lua",
    ["xai.request"] = "lua/xai/request.lua",
    ["xai.response"] = "lua/xai/response.lua",
    ["xai.schema"] = "lua/xai/schema.lua",
    ["xai.schema.build"] = "lua/xai/schema/build.lua",
    ["xai.schema.checker"] = "lua/xai/schema/checker.lua",
    ["xai.schema.lint"] = "lua/xai/schema/lint.lua",
    ["xai.schema.words"] = "lua/xai/schema/words.lua",
    ["xai.sim"] = "lua/xai/sim.lua",
    ["xai.sim.chat"] = "lua/xai/sim/chat.lua",
    ["xai.sim.check"] = "lua/xai/sim/check.lua",
    ["xai.sim.context"] = "lua/xai/sim/context.lua",
    ["xai.sim.dates"] = "lua/xai/sim/dates.lua",
    ["xai.sim.errors"] = "lua/xai/sim/errors.lua",
    ["xai.sim.faults"] = "lua/xai/sim/faults.lua",
    ["xai.sim.hints"] = "lua/xai/sim/hints.lua",
    ["xai.sim.hosted"] = "lua/xai/sim/hosted.lua",
    ["xai.sim.json"] = "lua/xai/sim/json.lua",
    ["xai.sim.ledger"] = "lua/xai/sim/ledger.lua",
    ["xai.sim.model"] = "lua/xai/sim/model.lua",
    ["xai.sim.models"] = "lua/xai/sim/models.lua",
    ["xai.sim.pattern"] = "lua/xai/sim/pattern.lua",
    ["xai.sim.rand"] = "lua/xai/sim/rand.lua",
    ["xai.sim.replay"] = "lua/xai/sim/replay.lua",
    ["xai.sim.responses"] = "lua/xai/sim/responses.lua",
    ["xai.sim.responses_read"] = "lua/xai/sim/responses_read.lua",
    ["xai.sim.schema"] = "lua/xai/sim/schema.lua",
    ["xai.sim.schema_rules"] = "lua/xai/sim/schema_rules.lua",
    ["xai.sim.script"] = "lua/xai/sim/script.lua",
    ["xai.sim.seal"] = "lua/xai/sim/seal.lua",
    ["xai.sim.server"] = "lua/xai/sim/server.lua",
    ["xai.sim.shelf"] = "lua/xai/sim/shelf.lua",
    ["xai.sim.tokens"] = "lua/xai/sim/tokens.lua",
    ["xai.sim.usage"] = "lua/xai/sim/usage.lua",
    ["xai.sim.wire"] = "lua/xai/sim/wire.lua",
    ["xai.sim.work"] = "lua/xai/sim/work.lua",
    ["xai.sse"] = "lua/xai/sse.lua",
    ["xai.stream"] = "lua/xai/stream.lua",
    ["xai.threads"] = "lua/xai/threads.lua",
    ["xai.uv"] = "lua/xai/uv.lua"
  },
  install = {
    bin = { "bin/xai" }
  }
}

-- The specs, on what is installed: `luarocks test` after `luarocks make`.
test = {
  type = "command",
  script = "spec/installed.lua"
}
