// Exports explicit names, so that nothing becomes public unnoticed.
export type { Authorize, ConsoleOptions } from './console-options.ts'
export type { FastifyLike, FastifyReplyLike, LivetreeConsole } from './create-console.ts'
export { createConsole } from './create-console.ts'
export type { ConsoleErrorCode } from './errors.ts'
export { ConsoleError, consoleErrorCodes } from './errors.ts'
export type { Permissions, Principal } from './security/access.ts'
export type { RunningConsole, StartConsoleOptions } from './start-console.ts'
export { startConsole } from './start-console.ts'
