import * as z from 'zod'

export const envSchema = z.object({
  GREETING: z.string(),
  PAGE_SIZE: z.coerce.number().int().positive().default(20),
  MAIL_FROM: z.email().optional(),
  MAIL_RETRIES: z.coerce.number().int().min(0).optional(),
})
