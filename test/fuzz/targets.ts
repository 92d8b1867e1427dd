import type { FuzzTarget } from './fuzz-target.ts'
import { files } from './targets/files.ts'
import { frames } from './targets/frames.ts'
import { messages } from './targets/messages.ts'
import { options } from './targets/options.ts'
import { previews } from './targets/previews.ts'
import { snapshots } from './targets/snapshots.ts'
import { sockets } from './targets/sockets.ts'
import { clientTaints } from './targets/taint-client.ts'
import { taints } from './targets/taint.ts'
import { trees } from './targets/trees.ts'
import { watches } from './targets/watches.ts'

/** Every kind of bad input, from the outside in. */
export const targets: readonly FuzzTarget[] = [
  ...frames,
  ...messages,
  ...sockets,
  ...watches,
  ...trees,
  ...files,
  ...previews,
  ...snapshots,
  ...options,
  ...taints,
  ...clientTaints,
]
