import { registerAs } from '@nestjs/config'

export const mailConfig = registerAs('mail', () => ({
  from: process.env.MAIL_FROM ?? 'shop@example.com',
  retries: Number(process.env.MAIL_RETRIES ?? '3'),
}))
