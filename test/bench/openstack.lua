-- wrk's part of openstack.ts: wrk ... -- PATH LIST MODE
-- Every request is for another guest of LIST at random, as Neutron's metadata agent makes it: a line has a server's id, its
-- signature and its project's id.
local threads = 0

function setup(thread)
  threads = threads + 1
  thread:set('seed', os.time() * 64 + threads)
end

function init(args)
  math.randomseed(seed)
  requests = {}
  local close = args[3] == 'close' and 'Connection: close\r\n' or ''
  for line in io.lines(args[2]) do
    local id, signature, project = line:match('^(%S+) (%S+) (%S+)$')
    requests[#requests + 1] = 'GET ' .. args[1] .. ' HTTP/1.1\r\nHost: 127.0.0.1\r\n' .. close ..
      'X-Instance-ID: ' .. id .. '\r\nX-Instance-ID-Signature: ' .. signature ..
      '\r\nX-Tenant-ID: ' .. project .. '\r\nX-Forwarded-For: 10.77.0.9\r\n\r\n'
  end
end

function request()
  return requests[math.random(1, #requests)]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '{"requests":%d,"tookUs":%d,"p50Us":%d,"p99Us":%d,"failures":%d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
