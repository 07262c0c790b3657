-- For wrk: GET args[1] followed by a number that goes up from args[2], so that no answer can be a kept one.
local path, number

function init(args)
  path, number = args[1], tonumber(args[2])
end

function request()
  number = number + 1
  return wrk.format("GET", path .. string.format("%d", number))
end
