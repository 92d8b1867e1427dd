import { defineSection } from '@livetree/nestjs'
import { appConfig } from './app.config.ts'

export const mailConfig = defineSection(appConfig, 'mail', (c) => c.mail)
