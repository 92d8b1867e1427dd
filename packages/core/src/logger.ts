import type { Logger } from './source/source.ts'

function say(): void {}

/** A logger that discards everything; the default everywhere. */
export const silentLogger: Logger = Object.freeze({ debug: say, info: say, warn: say, error: say })
