import * as z from 'zod'

/** The shared part: where Redis is. Owned by the platform team. */
export const redisSchema = z.object({ host: z.string(), port: z.number().default(6379) })
