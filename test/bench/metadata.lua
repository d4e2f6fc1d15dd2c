-- wrk's part of metadata.ts: wrk ... -- PATH COUNT CLOSE
-- Every request asks for another instance at random; the server's side counts how many were asked for.
local threads = 0

function setup(thread)
  threads = threads + 1
  thread:set('seed', os.time() * 64 + threads)
end

function init(args)
  math.randomseed(seed)
  local close = args[3] == 'close' and 'Connection: close\r\n' or ''
  before = 'GET ' .. args[1] .. ' HTTP/1.1\r\nHost: 169.254.169.254\r\n' .. close .. 'X-Forwarded-For: 10.'
  count = tonumber(args[2])
end

function request()
  local number = math.random(0, count - 1)
  local high = math.floor(number / 65536)
  local middle = math.floor(number / 256) % 256
  return before .. high .. '.' .. middle .. '.' .. number % 256 .. '\r\n\r\n'
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '{"requests":%d,"tookUs":%d,"p50Us":%d,"p99Us":%d,"failures":%d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
