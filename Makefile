# Makefile - builds the library, the Lua modules, their tests and checks. `make help` lists what it can do.
# SPDX-License-Identifier: MIT

B       ?= $(if $(CURL),build/curl,build)
PREFIX  ?= /usr/local
AR      ?= ar
CXX     ?= c++
VERSION := $(shell sed -n 's/^\#define XAI_VERSION "\(.*\)"/\1/p' core/include/xai.h)

# With PCRE2=0 (and its own B, or after make clean) the library does without: see xai_schema_compile in xai.h.
PCRE2   ?= 1
PCRE2_FLAGS := $(if $(filter 0,$(PCRE2)),-DXAI_PCRE2=0,$(shell pkg-config --cflags libpcre2-8 2>/dev/null))
PCRE2_LIBS  := $(if $(filter 0,$(PCRE2)),,$(shell pkg-config --libs libpcre2-8 2>/dev/null || echo -lpcre2-8))

# With CURL=PREFIX, and for each prefix its own B, all is built against the libcurl below it, and runs with that one.
ifneq ($(CURL),)
CURL_LIB := $(patsubst %/libcurl.so.4,%,$(firstword $(wildcard $(addsuffix /libcurl.so.4,$(addprefix $(abspath $(CURL)),/lib /lib64 /lib/*)))))
$(if $(CURL_LIB),,$(error CURL=$(CURL): no libcurl.so.4 in its lib))
CURL_FLAGS := $(patsubst %/curl/curl.h,-I%,$(firstword $(wildcard $(addsuffix /curl/curl.h,$(addprefix $(abspath $(CURL)),/include /include/*)))))
CURL_LIBS  := -L$(CURL_LIB) -lcurl
CURL_VERSION := $(shell sed -n 's/^.define LIBCURL_VERSION "\(.*\)"/\1/p' $(CURL_FLAGS:-I%=%)/curl/curlver.h)
export LD_LIBRARY_PATH := $(CURL_LIB)$(if $(LD_LIBRARY_PATH),:$(LD_LIBRARY_PATH))
else
CURL_FLAGS := $(shell pkg-config --cflags libcurl 2>/dev/null)
CURL_LIBS  := $(shell pkg-config --libs libcurl 2>/dev/null || echo -lcurl)
endif

# Ours first; CFLAGS, CPPFLAGS and LDFLAGS of whoever builds are added, never replaced. V=1 shows the commands.
WARNINGS := -Wall -Wextra -Wshadow -Wpointer-arith -Wstrict-prototypes -Wmissing-prototypes -Wwrite-strings \
            -Wconversion -Wno-sign-conversion $(if $(WERROR),-Werror)
FLAGS    := -std=c11 -O2 -g -fPIC -fvisibility=hidden $(WARNINGS) -Icore/include $(CURL_FLAGS) $(PCRE2_FLAGS)
Q         = $(if $(V),,@echo "  $@";)
COMPILE   = $(Q)$(CC) $(FLAGS) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<
LIBS     := $(CURL_LIBS) $(PCRE2_LIBS) -lm -ldl
LUA_LIBS := $(PCRE2_LIBS) -lm

CORE     := $(patsubst core/src/%.c,$(B)/core/%.o,$(wildcard core/src/*.c))
LXAI     := $(patsubst lua/c/%.c,%.o,$(wildcard lua/c/*.c))
TESTS    := $(patsubst core/test/%.c,$(B)/test/%,$(wildcard core/test/test_*.c))
FAULT_TESTS := $(patsubst core/test/%.c,$(B)/test/%,$(shell grep -lE '\bF[0-9]{2,3}_|_F[0-9]{2,3}\b' core/test/test_*.c))
TESTLIB  := $(patsubst core/test/%.c,$(B)/test/%.o,$(filter-out core/test/test_%,$(wildcard core/test/*.c)))
TORTURES := $(patsubst core/torture/%.c,$(B)/torture/%,$(wildcard core/torture/torture_*.c))
FUZZERS  := $(patsubst core/fuzz/%.c,$(B)/fuzz/%,$(wildcard core/fuzz/fuzz_*.c))
BENCHES  := $(patsubst bench/%.c,$(B)/bench/%,$(wildcard bench/*.c)) $(patsubst bench/load/%.c,$(B)/bench/%,$(wildcard bench/load/*.c))
C_EXAMPLES := $(patsubst examples/c/%.c,$(B)/examples/%,$(wildcard examples/c/*.c))
SIM      := $(patsubst core/sim/%.c,$(B)/sim/%.o,$(wildcard core/sim/*.c))
SOURCES  := $(wildcard core/include/*.h core/src/*.[ch] core/test/*.[ch] core/sim/*.[ch] core/fuzz/*.[ch] \
                       core/torture/*.[ch] core/soak/*.[ch] bench/*.[ch] bench/*/*.[ch] lua/c/*.[ch] lua/test/*.c examples/c/*.[ch] examples/engine/*.[ch] \
                       spec/hosts/*/*.[ch] tools/*.[ch])

# The Luas we build for: those whose headers are there, each under the name its system gives it.
LUAS      := lua5.4 lua5.3 luajit
first_pc   = $(firstword $(foreach name,$(1),$(shell pkg-config --exists $(name) 2>/dev/null && echo $(name))))
PC_lua5.4 := $(call first_pc,lua5.4 lua-5.4 lua54)
PC_lua5.3 := $(call first_pc,lua5.3 lua-5.3 lua53)
PC_luajit := $(call first_pc,luajit)
BUILT     := $(foreach lua,$(LUAS),$(if $(PC_$(lua)),$(lua)))
MODULES   := $(BUILT:%=$(B)/%/xai/core.so)

# Tests must not see the user's key, proxy or settings, whatever the shell holds.
CLEAN_ENV := env -u XAI_API_KEY -u XAI_API_KEY_FILE -u XAI_LOG -u XAI_BASE_URL -u XAI_SIMULATE -u LUA_INIT -u http_proxy -u https_proxy \
             -u all_proxy -u HTTP_PROXY -u HTTPS_PROXY -u ALL_PROXY $(if $(SUITES),XAI_SHARED=$(SUITES),-u XAI_SHARED)
IN_TREE    = . $(CURDIR)/$(B)/env.sh &&
FUZZ_SECONDS ?= 20
SIM_SECONDS ?= 60
NOMEM     := $(addprefix lua/test/nomem/,load.lua core.lua calls.lua talk.lua read.lua lines.lua)
SPEC_TIMEOUT ?= 900
SPECS     ?= spec
SOAK_MINUTES ?= 2
SANITIZE  := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer

## ---- building

all: lib modules $(B)/bin/xai $(B)/env.sh ## the library, the Lua modules and the command (the default)

lib: $(B)/libxai.a $(B)/libxai.so

modules: $(MODULES)
	@$(foreach lua,$(filter-out $(BUILT),$(LUAS)),echo "skipped: the module for $(lua), its headers are not installed";)

$(B)/libxai.a: $(CORE)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(B)/libxai.so: $(CORE)
	$(Q)$(CC) -shared -Wl,-soname,libxai.so.0,-z,defs $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS) && ln -sf libxai.so $(B)/libxai.so.0

$(B)/core/%.o: core/src/%.c | $(B)/core/
	$(COMPILE)
$(B)/lazy/%.o: core/src/%.c | $(B)/lazy/
	$(COMPILE) -DXAI_LAZY_CURL -DXAI_HIDDEN

# A module holds the core inside and shows luaopen_xai_core alone, so that two copies in a process never meet. libcurl it
# loads when the first client needs it, so no name of libcurl's may be left to the loader.
define LUA_MODULE
$(B)/$(1)/xai/core.so: $(addprefix $(B)/$(1)/,$(LXAI)) $(B)/lazy/xai_curl_load.o $(B)/libxai.a | $(B)/$(1)/xai/
	$$(Q)$$(CC) -shared -Wl,--exclude-libs,ALL $$(CFLAGS) $$(LDFLAGS) -o $$@ $$^ $$(LUA_LIBS) && ! nm -uD $$@ | grep ' curl_'
$(B)/$(1)/%.o: lua/c/%.c | $(B)/$(1)/
	$$(COMPILE) $(shell pkg-config --cflags $(PC_$(1)))
endef
$(foreach lua,$(BUILT),$(eval $(call LUA_MODULE,$(lua))))

%/:
	@mkdir -p $@

# Debian has lua-http, which `xai sim --port` serves with, for LuaJIT alone: so LuaJIT runs the command.
$(B)/bin/xai: $(B)/env.sh | $(B)/bin/
	@printf '%s\n' '#!/bin/sh' '. $(CURDIR)/$(B)/env.sh' \
	  '[ -e $(CURDIR)/$(B)/luajit/xai/core.so ] && lua=$$(command -v luajit) || lua=$$(command -v lua5.4 || command -v lua)' \
	  'exec "$$lua" $(CURDIR)/bin/xai "$$@"' > $@
	@chmod +x $@

$(B)/env.sh: Makefile | $(B)/
	@printf "export %s\n" \
	  $(foreach v,_5_4 _5_3,"LUA_PATH$(v)='$(CURDIR)/lua/?.lua;$(CURDIR)/lua/?/init.lua;;'") \
	  "LUA_PATH='$(CURDIR)/lua/?.lua;$(CURDIR)/lua/?/init.lua;;'" \
	  "LUA_CPATH_5_4='$(CURDIR)/$(B)/lua5.4/?.so;;'" "LUA_CPATH_5_3='$(CURDIR)/$(B)/lua5.3/?.so;;'" \
	  "LUA_CPATH='$(CURDIR)/$(B)/luajit/?.so;;'" "PATH='$(CURDIR)/$(B)/bin':\"\$$PATH\"" > $@

env: $(B)/env.sh $(B)/bin/xai ## lines for the shell, to use the tree in place: eval "$(make -s env)"
	@cat $<

deps: ## install what building needs; SETS="build test check" for all of it
	@tools/deps.sh $(or $(SETS),build)

demo: deps ## build, and let a bot talk: against the real API if XAI_API_KEY is set, else simulated
	@$(MAKE) --no-print-directory -s Q=@ all
	@$(IN_TREE) if [ -z "$$XAI_API_KEY" ]; then export XAI_SIMULATE=1; fi; lua5.4 examples/lua/bot.lua

## ---- testing

test: ## install what is missing, build, run every C test, spec and example
	@tools/deps.sh build test
	+@TALLY_LANES=1 TALLY_MAKE="$(MAKE)" tools/tally.sh all test-c nomem $(LUAS:%=spec-%) examples

TEST_PROGRAMS := $(TESTS) $(B)/test/header_cxx $(B)/sim/simulate
test-c: $(TEST_PROGRAMS) ## the C tests
	@$(CLEAN_ENV) tools/each.sh $(filter-out $(SLOW),$^)

# What talks to libcurl; by `make curl8` with one of another age than the system's.
NET_TESTS := $(filter %/test_client %/test_curl %/test_curl_life %/test_limits_net %/test_wire %/test_faults_process $(B)/test/test_faults_net_%,$(TESTS))
test-net: SPECS = $(addprefix spec/,client_spec.lua faults_net_spec.lua stream_spec.lua)
test-net: $(NET_TESTS) spec-lua5.4
	@$(IN_TREE) lua5.4 -e 'local is, want = require "xai.core".curl_version(), "$(CURL_VERSION)" print("libcurl " .. is) assert(want == "" or is == want, "not the one that was built with")'
	@$(CLEAN_ENV) tools/each.sh $(NET_TESTS)

curl8: ## the tests that use libcurl, with the 8 of Debian 12's backports, unpacked below build; CURL=PREFIX: any other, for any target
	@tools/curl8.sh build/libcurl8
	@if [ -d build/libcurl8/usr ]; then $(MAKE) CURL=build/libcurl8/usr B=build/curl8 test-net; fi

# Data races show themselves under the thread checker alone.
TSAN_TEST := build/tsan/test/test_faults_threads

tsan: ## two threads, with a client each and with one, under ThreadSanitizer
	@$(MAKE) B=build/tsan CFLAGS='-fsanitize=thread' LDFLAGS='-fsanitize=thread' $(TSAN_TEST)
	@$(CLEAN_ENV) tools/each.sh $(TSAN_TEST)

faults: $(FAULT_TESTS) modules $(B)/env.sh ## the list of faults, F01 to F103, each with what became of it
	@$(MAKE) B=build/tsan CFLAGS='-fsanitize=thread' LDFLAGS='-fsanitize=thread' $(TSAN_TEST)
	@$(IN_TREE) $(CLEAN_ENV) tools/faults.sh $(BUILT) -- $(FAULT_TESTS) $(TSAN_TEST)

nomem: $(BUILT:%=nomem-%) ## the Lua modules with allocations failing in turn: a sample, `make torture` does all

# The sample: of each script, and each number of failures in a row, at most so many.
nomem-%: NOMEM_RUNS ?= 100
nomem-%: $(B)/%/test_nomem $(B)/%/xai/core.so $(B)/env.sh
	@$(IN_TREE) $(CLEAN_ENV) NOMEM_RUNS=$(NOMEM_RUNS) timeout -k 10 $(SPEC_TIMEOUT) $< $(NOMEM)

$(B)/%/test_nomem: lua/test/test_nomem.c | $(B)/%/
	$(Q)$(CC) -O1 -g $(CFLAGS) -o $@ $< $$(pkg-config --cflags --libs $(PC_$*)) $(LDFLAGS)

torture: ## every allocation failing in turn in every public operation, under AddressSanitizer
	@$(MAKE) B=build/asan CC=clang CFLAGS='$(SANITIZE)' LDFLAGS='$(SANITIZE)' torture-run

# Closing a Lua state unloads its modules, and LeakSanitizer falls over what it takes for their thread-local memory.
LSAN_NOMEM := LSAN_OPTIONS=use_tls=0:print_suppressions=0

torture-run: $(TORTURES) $(BUILT:%=$(B)/%/test_nomem) $(MODULES) $(B)/env.sh
	@$(IN_TREE) $(CLEAN_ENV) tools/torture.sh $(TORTURES) \
	  '$(LSAN_NOMEM) NOMEM_RUNS=0 $(B)/lua5.4/test_nomem $(filter-out %/load.lua,$(NOMEM))' \
	  '$(LSAN_NOMEM) NOMEM_RUNS=100 $(B)/lua5.4/test_nomem $(filter %/load.lua,$(NOMEM))' \
	  $(patsubst %,'$(LSAN_NOMEM) NOMEM_RUNS=100 $(B)/%/test_nomem $(NOMEM)',$(filter-out lua5.4,$(BUILT)))

spec: $(LUAS:%=spec-%) ## the specs on each Lua

spec-%: $(B)/%/xai/core.so $(B)/env.sh
	@$(IN_TREE) $(CLEAN_ENV) $(PRELOAD) timeout -k 10 $(SPEC_TIMEOUT) $(RUN_UNDER) $* $$(command -v busted) -o plainTerminal $(BUSTED_FLAGS) $(SPECS)

simulate: $(B)/sim/simulate ## random faults in virtual time: old failures, the self-test, SIM_SECONDS of seeds nobody has run
	@$(CLEAN_ENV) $< --corpus core/sim/seeds.txt --self-test --scenarios --new --seconds $(SIM_SECONDS) --jobs $$(nproc)

SOAK_SECONDS ?= $(shell expr $(SOAK_MINUTES) '*' 60)
soak: $(B)/soak/soak $(B)/lua5.4/xai/core.so $(B)/env.sh ## thousands of streams over real sockets, for SOAK_MINUTES; then 10,000 dropped by Lua
	@$(IN_TREE) $(CLEAN_ENV) $< $(SOAK_SECONDS) lua5.4 spec/soak.lua

hosts: all ## the same user code in nginx, Neovim, luv, cqueues, LÖVE and a C engine: passed, stalls, memory (deps: SETS=hosts)
	@$(IN_TREE) $(CLEAN_ENV) tools/hosts.sh

example-nginx: all ## a chat page and a streaming relay in a temporary nginx, until ctrl-C
	@$(IN_TREE) examples/nginx/run.sh

examples: $(C_EXAMPLES) $(MODULES) $(B)/bin/xai ## every example, offline
	@$(IN_TREE) $(CLEAN_ENV) tools/examples.sh $(C_EXAMPLES)

check: ## everything CI runs
	@.ci/run

# All that the parts of CI run, built by all processors before they run side by side.
prepare: all $(TEST_PROGRAMS) $(BUILT:%=$(B)/%/test_nomem) $(C_EXAMPLES) $(B)/soak/soak $(B)/tools/schema_verdicts $(B)/bench/count
	@$(MAKE) B=build/asan CC=clang CXX=clang++ CFLAGS='$(SANITIZE)' LDFLAGS='$(SANITIZE)' prepare-asan
	@$(MAKE) B=build/tsan CFLAGS='-fsanitize=thread' LDFLAGS='-fsanitize=thread' $(TSAN_TEST)
	@$(MAKE) B=build/fuzz CC=clang CFLAGS='-fsanitize=fuzzer-no-link $(SANITIZE)' LDFLAGS='$(SANITIZE)' prepare-fuzz

prepare-asan: $(TEST_PROGRAMS) $(TORTURES) $(BUILT:%=$(B)/%/test_nomem) $(MODULES) $(B)/env.sh
prepare-fuzz: $(FUZZERS)

asan: ## C tests and specs (5.4) under AddressSanitizer and UBSan
	@$(MAKE) B=build/asan CC=clang CXX=clang++ CFLAGS='$(SANITIZE)' LDFLAGS='$(SANITIZE)' test-c spec-lua5.4 \
	  PRELOAD='ASAN_OPTIONS=detect_leaks=0 LD_PRELOAD=$(shell clang -print-file-name=libclang_rt.asan-$(shell uname -m).so)'

# What AddressSanitizer cannot see, memory that was never written: all of the core, and the specs that use most of
# the C module. The long simulations run the same code as the short ones.
VALGRIND := valgrind -q --leak-check=full --errors-for-leak-kinds=definite,indirect --error-exitcode=99
VALGRIND_SPECS := json schema sse core_client client stream conversation finalizers
valgrind: ## C tests and the specs of the C module under valgrind, without the suites beside the checkout
	@$(MAKE) SUITES=none RUN_UNDER='$(VALGRIND)' SPECS='$(VALGRIND_SPECS:%=spec/%_spec.lua)' \
	  SLOW='%/test_faults_limits %/simulate' test-c spec-lua5.4

fuzz: ## each fuzz target for FUZZ_SECONDS
	@$(MAKE) B=build/fuzz CC=clang CFLAGS='-fsanitize=fuzzer-no-link $(SANITIZE)' LDFLAGS='$(SANITIZE)' fuzz-run

fuzz-run: $(FUZZERS)
	@FUZZ_SECONDS=$(FUZZ_SECONDS) tools/fuzz.sh $^

coverage: ## what of core/src the C tests and specs (5.4) reach, line and branch; fails below 95 and 85 %
	@rm -f build/coverage/*/*.gcda
	@$(MAKE) B=build/coverage SUITES=none CFLAGS='-O0 --coverage -fprofile-update=atomic' LDFLAGS=--coverage test-c spec-lua5.4
	@tools/coverage.sh build/coverage

interop: all $(B)/tools/schema_verdicts ## other people's clients, and ajv (by npm)
	@$(IN_TREE) $(CLEAN_ENV) tools/interop.sh

bench: ## every figure beside its bound and its peers (by npm and apt), in turns; ROW="..." for some rows
	@tools/deps.sh build && { tools/deps.sh bench || echo "bench: without what could not be installed"; }
	@$(MAKE) --no-print-directory -s Q=@ all $(BENCHES) $(B)/bench/bounds
	@$(IN_TREE) $(CLEAN_ENV) bench/run.sh $(if $(ROW),"$(ROW)")

callgrind: all $(B)/bench/count ## instructions of the hot paths against bench/callgrind.txt: 10 % up fails; RENEW=1 renews it
	@$(IN_TREE) $(CLEAN_ENV) lua5.4 bench/callgrind.lua $(if $(RENEW),--renew)

$(B)/test/%.o: core/test/%.c | $(B)/test/
	$(COMPILE) -Icore/src -Icore/test
$(B)/test/header_cxx: core/test/header_cxx.cpp $(B)/libxai.a | $(B)/test/
	$(Q)$(CXX) -std=c++11 -Wall -Wextra -Wpedantic -Wno-missing-field-initializers $(if $(WERROR),-Werror) -Icore/include \
	  $(CXXFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)
$(TESTS): %: %.o $(TESTLIB) $(B)/libxai.a
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)
$(addprefix $(B)/test/test_faults_,net_tls net_h2 process): LIBS += $(shell pkg-config --libs openssl 2>/dev/null || echo -lssl -lcrypto)
$(B)/sim/%.o: core/sim/%.c | $(B)/sim/
	$(COMPILE) -Icore/sim
$(B)/sim/simulate: $(SIM) $(B)/libxai.a
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)
$(B)/soak/%: core/soak/%.c $(B)/libxai.a | $(B)/soak/
	$(Q)$(CC) $(FLAGS) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -Icore/test -MMD -MP -o $@ $< $(B)/libxai.a $(LIBS) -lpthread
$(B)/torture/%: core/torture/%.c $(B)/libxai.a | $(B)/torture/
	$(Q)$(CC) $(FLAGS) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -Icore/src -Icore/test -MMD -MP -o $@ $< $(B)/libxai.a $(LIBS) -lpthread
$(B)/fuzz/%: core/fuzz/%.c $(B)/libxai.a | $(B)/fuzz/
	$(Q)$(CC) $(FLAGS) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -fsanitize=fuzzer -Icore/src -MMD -MP -o $@ $< $(B)/libxai.a $(LIBS)
$(B)/bench/%: bench/%.c $(B)/libxai.a | $(B)/bench/
	$(Q)$(CC) $(FLAGS) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -Icore/src -Ibench -MMD -MP -o $@ $< $(B)/libxai.a $(LIBS)
$(B)/bench/%: bench/load/%.c $(B)/libxai.a | $(B)/bench/
	$(Q)$(CC) $(FLAGS) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -Ibench -MMD -MP -o $@ $< $(B)/libxai.a $(LIBS) -lssl -lcrypto
$(B)/bench/bounds: bench/bounds.cpp | $(B)/bench/
	$(Q)$(CXX) -std=c++17 -O2 -Ibench $(CXXFLAGS) $(LDFLAGS) -MMD -MP -o $@ $< $(shell pkg-config --libs simdjson jansson 2>/dev/null || pkg-config --libs simdjson 2>/dev/null || pkg-config --libs jansson 2>/dev/null)
$(B)/tools/%: tools/%.c $(B)/libxai.a | $(B)/tools/
	$(Q)$(CC) $(FLAGS) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -MMD -MP -o $@ $< $(B)/libxai.a $(LIBS)
$(B)/examples/%: examples/c/%.c $(B)/libxai.a | $(B)/examples/
	$(Q)$(CC) $(FLAGS) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -MMD -MP -o $@ $< $(B)/libxai.a $(LIBS)

## ---- the source

lint: ## luacheck, clang-format, clang-tidy, and the rockspec's lists against the tree
	@tools/lint.sh $(SOURCES)

format: ## clang-format every C file in place, renew the rockspec's lists
	@clang-format -i $(SOURCES)
	@lua5.4 tools/rockspec.lua --write

doc: $(B)/lua5.4/xai/core.so $(B)/env.sh ## the reference for Lua and C, in build/doc; fails when a public name has no words
	@$(IN_TREE) tools/doc.sh $(B)/doc

package: all ## install into a scratch root and by luarocks into build/rocks, and use what was installed
	@$(CLEAN_ENV) tools/package.sh

## ---- installing

install: all ## into PREFIX (DESTDIR respected): header, libraries, pkg-config file, Lua files, command
	@PCRE2=$(PCRE2) tools/install.sh '$(DESTDIR)' '$(PREFIX)' '$(B)' '$(VERSION)' $(BUILT)

uninstall: ## what install put there
	@tools/install.sh --remove '$(DESTDIR)' '$(PREFIX)'

dist: ## the library as two files for engines: build/dist/xai.c and xai.h
	@mkdir -p $(B)/dist
	$(Q)lua5.4 tools/dist.lua $(B)/dist

rock: ## this version as a source rock, for luarocks install anywhere: build/rock/xai-X.Y.Z-1.src.rock
	@tools/rock.sh $(B)/rock

clean: ## remove what was built, by luarocks too
	rm -rf build xai core/src/*.o lua/c/*.o

help: ## this list
	@sed -n 's/^\([a-z][a-z0-9-]*\):.*## \(.*\)/\1	\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 12

.PHONY: all lib modules env deps demo test test-c simulate spec faults tsan examples check asan valgrind fuzz fuzz-run coverage interop \
        bench lint format doc package dist rock install uninstall clean help
.PHONY: callgrind curl8 test-net nomem torture torture-run prepare prepare-asan prepare-fuzz soak
.SECONDARY:
-include $(wildcard $(B)/*/*.d)
