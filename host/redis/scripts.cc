// SPDX-License-Identifier: Apache-2.0
#include "redis/scripts.h"

namespace millrace::redis {
namespace {

// KEYS: task, outbox, redo, what lies aside. ARGV: epoch, owner, group, partitions, format, another
// one to accept, the version of state that the library writes, the oldest one that it reads, how
// many names of what lies aside are answered at most; then of a crash its topic (empty: none),
// offset, hash12 and id, and how many ids are kept. One whose id is kept is not counted again, and
// what is below `applied`, or is not what stands there, counts nothing. Answers {"OK", {former
// fields and values...}, {seqs and packed entries of the outbox...}, {of the redo...}, {topics and
// crashes...}, how much lies aside, {names of it...}}, or {what differs, the stored one} and writes
// nothing.
constexpr std::string_view kAcquireText = R"lua(
local former = redis.call('HGETALL', KEYS[1])
local task = {}
if #former > 0 then
  for i = 1, #former, 2 do task[former[i]] = former[i + 1] end
  if task.format ~= ARGV[5] and task.format ~= ARGV[6] then return {'FORMAT', task.format or ''} end
  if task.group ~= ARGV[3] then return {'GROUP', task.group or ''} end
  if task.partitions ~= ARGV[4] then return {'PARTITIONS', task.partitions or ''} end
  local oldest, newest = task['state:oldest'], task['state:newest']
  if oldest and newest and (tonumber(ARGV[8]) > tonumber(oldest) or
      tonumber(newest) > tonumber(ARGV[7])) then
    return {'VERSIONS', oldest .. '-' .. newest}
  end
end
local outbox = redis.pcall('HGETALL', KEYS[2])
if outbox.err then return {'OUTBOX', redis.call('TYPE', KEYS[2]).ok} end
local redo = redis.pcall('HGETALL', KEYS[3])
if redo.err then return {'REDO', redis.call('TYPE', KEYS[3]).ok} end
local aside = redis.pcall('HLEN', KEYS[4])
if type(aside) == 'table' then return {'ASIDE', redis.call('TYPE', KEYS[4]).ok} end
redis.call('HSET', KEYS[1], 'epoch', ARGV[1], 'owner', ARGV[2], 'group', ARGV[3],
  'partitions', ARGV[4], 'format', ARGV[5],
  'state:oldest', task['state:oldest'] or ARGV[7], 'state:newest', ARGV[7])

local function crash_of(text) return text:match('^(%d+) (%d+) (%S+) (%S+)$') end
local function is_done(topic, offset)
  local applied = task['applied:' .. topic]
  if not applied then return false end
  return #offset < #applied or (#offset == #applied and offset < applied)
end
if ARGV[10] ~= '' and not is_done(ARGV[10], ARGV[11]) then
  local field = 'crash:' .. ARGV[10]
  local offset, count, hash, ids = crash_of(task[field] or '')
  if not (',' .. (ids or '') .. ','):find(',' .. ARGV[13] .. ',', 1, true) then
    if offset ~= ARGV[11] or hash ~= ARGV[12] then count, ids = 0, nil end
    count = string.format('%d', count + 1)
    ids = (ids and ids .. ',' or '') .. ARGV[13]
    if select(2, ids:gsub(',', ',')) >= tonumber(ARGV[14]) then ids = ids:match(',(.*)$') end
    task[field] = ARGV[11] .. ' ' .. count .. ' ' .. ARGV[12] .. ' ' .. ids
    redis.call('HSET', KEYS[1], field, task[field])
  end
end
local crashes = {}
for field, text in pairs(task) do
  local topic = field:match('^crash:(.*)$')
  if topic then
    local offset = crash_of(text)
    if not offset or is_done(topic, offset) then
      redis.call('HDEL', KEYS[1], field)
    else
      crashes[#crashes + 1] = topic
      crashes[#crashes + 1] = text
    end
  end
end
local names = {}
if aside <= tonumber(ARGV[9]) then names = redis.call('HKEYS', KEYS[4]) end
return {'OK', former, outbox, redo, crashes, aside, names}
)lua";

// KEYS: task, then one key per step (states, the outbox, the redo,
// what lies aside). ARGV: epoch, expected seq, n,
// then n arguments for the task's HSET ('seq', the unit's, 'applied:<topic>', offset, ...), then
// per step: a count and arguments. The count n > 0 asks for HSET of n arguments, n < 0 for HDEL of
// -n, 0 for UNLINK. A task without epoch is nobody's: the store was emptied since it was acquired.
// Everything is checked before the first write: a script does not roll back. HLEN checks the type
// at the price of an integer. unpack is limited to 8,000 values by Lua's stack, hence the chunks.
constexpr std::string_view kCommitText = R"lua(
local call, keys, argv, unpack = redis.call, KEYS, ARGV, unpack
local task = call('HMGET', keys[1], 'epoch', 'seq', 'owner')
if not task[1] then return 'UNKNOWN' end
if task[1] ~= argv[1] then
  return 'FENCED ' .. (task[3] or 'nobody')
end
if (task[2] or '0') ~= argv[2] then
  return 'DIVERGED ' .. (task[2] or '0')
end
for k = 2, #keys do
  if type(redis.pcall('HLEN', keys[k])) == 'table' then
    return 'REJECTED ' .. call('TYPE', keys[k]).ok .. ' ' .. keys[k]
  end
end
local at = 4 + argv[3]
for k = 2, #keys do
  local key, n, command = keys[k], tonumber(argv[at]), 'HSET'
  at = at + 1
  if n == 0 then
    call('UNLINK', key)
  else
    if n < 0 then
      n, command = -n, 'HDEL'
    end
    local stop = at + n
    while at < stop do
      local last = at + 6999
      if last >= stop then last = stop - 1 end
      call(command, key, unpack(argv, at, last))
      at = last + 1
    end
  end
end
call('HSET', keys[1], unpack(argv, 4, 3 + argv[3]))
return 1
)lua";

// KEYS: maps. ARGV: bytes, above which a map is answered as 1 instead of its fields and values.
// Read only. HSCAN instead of HGETALL: a large map is left after the page that shows it is large.
constexpr std::string_view kReadMapsText = R"lua(
local max = tonumber(ARGV[1])
local answers = {}
for k = 1, #KEYS do
  local key = KEYS[k]
  local answer, bytes = {}, 0
  local size = redis.call('HLEN', key)
  if size * 2 > max then
    answer = 1
  elseif size > 0 then
    local cursor, count = '0', 0
    repeat
      local page = redis.call('HSCAN', key, cursor, 'COUNT', 64)
      cursor = page[1]
      local cells = page[2]
      for i = 1, #cells do
        bytes = bytes + #cells[i]
        answer[count + i] = cells[i]
      end
      count = count + #cells
    until cursor == '0' or bytes > max
    if bytes > max then answer = 1 end
  end
  answers[k] = answer
end
return answers
)lua";

}  // namespace

std::string_view ScriptText(Script script) {
  switch (script) {
    case Script::kAcquire:
      return kAcquireText;
    case Script::kCommit:
      return kCommitText;
    case Script::kReadMaps:
      return kReadMapsText;
  }
  return {};
}

}  // namespace millrace::redis
