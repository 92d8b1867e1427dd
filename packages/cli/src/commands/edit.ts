import type { Plan } from '@livetree/admin'
import { parsePathText } from '@livetree/core/tools'
import type { Outcome } from '../command-line/runner.ts'
import { openTree, type OpenedTree } from '../connect/open-tree.ts'
import { type CliError, usageError } from '../errors/cli-error.ts'
import { asCliError } from '../errors/describe-error.ts'
import type { Session } from '../session.ts'
import { assertFleetOptions } from './ask-fleet.ts'
import { carryOut, type WritingOptions } from './carry-out.ts'
import { chosenLayer } from './choose-layer.ts'
import { EditedFile } from './edited-file.ts'

/**
 * `livetree edit [PATH]`: what one layer holds, in an editor; what was changed there is a plan. What is refused is edited
 * again, with the reason above it; whoever leaves it so gives up, and finds the text in a file.
 */
export async function edit(
  session: Session,
  [place = '']: readonly [place?: string],
  options: WritingOptions,
): Promise<Outcome> {
  assertFleetOptions(options)
  if (options.ifRevision !== undefined)
    throw usageError('--if-revision is for set and unset', 'edit refuses what moved while you edited.')
  if (!session.canAsk)
    throw usageError('edit needs a terminal', 'Use `livetree set`, or `livetree apply -f FILE`.')
  const opened = await openTree(session)
  const layer = await readLayer(session, opened, options)
  if (layer.omitted.length > 0)
    session.note(`Not shown, and kept, since it may be secret: ${layer.omitted.join(', ')}`)
  if (layer.unreadable.length > 0)
    session.note(`Not shown, and kept, since it is no text: ${layer.unreadable.join(', ')}`)
  const edited = await EditedFile.make(session, layer.text)
  try {
    return await untilTaken(session, opened, { edited, layer, place, options })
  } finally {
    if (edited.isWorthless) await edited.remove()
    else session.note(`What you wrote is kept in ${edited.file}`)
  }
}

/** What a layer holds, and at which revision. */
interface Layer {
  readonly choice: ReturnType<typeof chosenLayer>
  readonly text: string
  readonly omitted: readonly string[]
  readonly unreadable: readonly string[]
  readonly revision: number
}

async function readLayer(session: Session, opened: OpenedTree, options: WritingOptions): Promise<Layer> {
  const choice = chosenLayer(opened, options)
  const exported = await opened.admin.export({ ...choice, ...session.call, format: 'yaml' })
  return { choice, ...exported }
}

interface Editing {
  readonly edited: EditedFile
  readonly layer: Layer
  readonly place: string
  readonly options: WritingOptions
}

async function untilTaken(session: Session, opened: OpenedTree, editing: Editing): Promise<Outcome> {
  const { edited, layer, options } = editing
  let { revision } = layer
  let refusal: CliError | undefined
  for (;;) {
    const refused = edited.text
    const text = await edited.edit(refusal === undefined ? [] : reasonsOf(refusal))
    // The text that was refused is refused again, but for a conflict, which somebody saw now.
    const isSame = text === undefined || (text === refused && refusal?.exitCode !== 4)
    if (isSame && refusal !== undefined) throw refusal
    try {
      const plan = await planOf(session, opened, editing, revision)
      const outcome = await carryOut(session, opened, plan, options, { asks: true })
      edited.isWorthless = plan.isEmpty || options.dryRun !== true
      return outcome
    } catch (error) {
      refusal = asCliError(error)
      // What is written is not to be edited again, whatever the instances say of it.
      edited.isWorthless ||= session.change.state === 'written'
      if (session.change.state === 'written') throw error
      if (!CORRECTABLE.includes(refusal.exitCode)) throw error
      // Who saw what is there now, and goes on, means to write over it.
      if (refusal.exitCode === 4) ({ revision } = await readLayer(session, opened, options))
    }
  }
}

/** The exit codes of what another text, or a second look, mends: a path, a conflict, the schema, running instances, YAML. */
const CORRECTABLE: readonly number[] = [3, 4, 5, 6, 64]

function reasonsOf({ message, lines, remedy, exitCode }: CliError): readonly string[] {
  const next =
    exitCode === 4
      ? 'Save it again, with these lines removed, to write yours over it; leave it as it is to give up.'
      : 'Correct it and save it again; leave it as it is to give up.'
  return [
    message,
    ...lines.map((line) => `  ${line}`),
    ...(remedy === undefined ? [] : [remedy]),
    next,
  ].flatMap((line) => line.split('\n'))
}

/** What was changed since the layer was read, as a plan. */
async function planOf(
  session: Session,
  opened: OpenedTree,
  { edited, layer, place }: Editing,
  ifRevision: number,
): Promise<Plan> {
  const change = opened.admin.change({ ...layer.choice, ifRevision })
  return change.setEdited(layer.text, edited.text, parsePathText(place) as never).plan(session.call)
}
