import { joinFleet } from 'livetree/fleet'
import { follow } from './follow.ts'
import { search } from './search-config.ts'

await using config = await search.load()
await joinFleet(config, { id: process.argv[2] })
await follow(
  'search',
  config,
  ({ cache, pageSize }) => `${pageSize} a page, Redis on ${cache.redis.host}:${cache.redis.port}`,
)
