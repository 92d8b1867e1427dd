// `livetree/cron`: needs the package `croner`, which an app with schedules installs.
export { cron } from './cron.ts'
