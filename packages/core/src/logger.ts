import type { Logger } from './source/source.ts'

const say = () => {}

/** A logger that discards everything; the default everywhere. */
export const silentLogger: Logger = Object.freeze({ debug: say, info: say, warn: say, error: say })
