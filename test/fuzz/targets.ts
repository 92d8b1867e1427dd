import type { FuzzTarget } from './fuzz-target.ts'
import { frames } from './targets/frames.ts'
import { messages } from './targets/messages.ts'
import { sockets } from './targets/sockets.ts'

/** Every kind of bad input, from the outside in. */
export const targets: readonly FuzzTarget[] = [...frames, ...messages, ...sockets]
