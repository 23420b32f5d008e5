--- What the simulator would have billed: one entry a request, the truth a client's own account is held against.
-- SPDX-License-Identifier: MIT

local Ledger = {}
local mt = { __name = "xai.sim.ledger", __index = Ledger }

--- @class xai.sim.Entry
--- @field id integer         number of the request, from 1
--- @field path string
--- @field method string
--- @field model string?
--- @field attempt integer    how often this call was sent: counted by its x-client-request-id, else by its body
--- @field status integer?    nil: the connection did not get that far
--- @field billed boolean
--- @field usage table?       the API's own usage; nil when nothing was generated
--- @field ticks integer      0 when not billed
--- @field complete boolean   all of it was generated and sent

--- @param keep integer  entries that are remembered at least; the totals hold all that ever were
local function new(keep)
  return setmetatable({ keep = keep, sum = 0 }, mt)
end

--- Drop the oldest entries, many at a time: moving the rest up for each would cost more than the request did.
local function trim(ledger)
  local count, keep = #ledger, ledger.keep
  if count < keep + keep / 8 + 1 then return end
  for i = 1, count do ledger[i] = ledger[i + count - keep] end
end

--- @return xai.sim.Entry
function Ledger:open(id, method, path, attempt)
  local entry = { id = id, method = method, path = path, model = nil, attempt = attempt, status = nil,
    billed = false, usage = nil, ticks = 0, complete = true }
  self[#self + 1] = entry
  trim(self)
  return entry
end

--- Total ticks of all requests, those included whose entries are forgotten.
function Ledger:total()
  return self.sum
end

--- Bill an entry, in the place of what it was billed before.
--- @param usage table?  nil: a fee without usage
--- @param ticks integer
function Ledger:charge(entry, usage, ticks)
  self.sum = self.sum + ticks - entry.ticks
  entry.billed, entry.usage, entry.ticks = true, usage, ticks
end

--- Settle an exchange of which only the first `sent` steps were generated.
local function settle(exchange, sent)
  local entry, work = exchange.entry, exchange.work
  if not entry or not work or not entry.billed or sent >= #exchange.steps then return end
  local visible, reasoning = 0, 0
  for i = 1, sent do
    visible = visible + (exchange.steps[i].visible or 0)
    reasoning = reasoning + (exchange.steps[i].reasoning or 0)
  end
  entry.complete = false
  local usage = work.usage_of(visible, reasoning)
  exchange.ledger:charge(entry, usage, usage.cost_in_usd_ticks)
end

return { new = new, settle = settle }
