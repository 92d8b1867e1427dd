import { plainValue } from '@livetree/core/tools'
import type { Difference, DiffSide } from '@livetree/admin'
import type { Outcome } from '../command-line/runner.ts'
import { openTree, type OpenedTree } from '../connect/open-tree.ts'
import { usageError } from '../errors/cli-error.ts'
import { inlineText } from '../output/inline-text.ts'
import { shortKey, shownText } from '../output/safe-text.ts'
import type { Style } from '../output/style.ts'
import type { Session } from '../session.ts'
import { chosenLayer } from './choose-layer.ts'
import { counted, linesText, signOf } from '../output/words.ts'
import { readInput } from './read-input.ts'

/** `livetree diff A B`, each of live, rev:N, overlay:NAME, file:PATH. */
export async function diff(
  session: Session,
  [one, other]: readonly [one: string, other: string],
  options: { readonly exitCode?: boolean | undefined; readonly document?: number | undefined },
): Promise<Outcome> {
  const opened = await openTree(session)
  const { document } = options
  if (document !== undefined && ![one, other].some((side) => side.startsWith('file:')))
    throw usageError('--document is of a file, and none is compared', 'Give file:PATH, or leave it out.')
  const [before, after] = [
    await sideOf(session, opened, one, document),
    await sideOf(session, opened, other, document),
  ]
  const found = await opened.admin.diff(before, after, session.call)
  session.noteAtEnd(
    found.length === 0 ? `${one} and ${other} do not differ.` : `${counted(found.length, 'difference')}.`,
  )
  const data = found.map(({ type, pathText, previous, next }) => ({
    type,
    path: pathText,
    previous: plainValue(previous) ?? null,
    next: plainValue(next) ?? null,
  }))
  return {
    result: { data, text: () => linesText(found.map((each) => differenceText(each, session.style))) },
    exitCode: options.exitCode === true && found.length > 0 ? 2 : 0,
  }
}

function differenceText({ type, pathText, previous, next }: Difference, style: Style): string {
  const path = shortKey(pathText)
  const [before, after] = [shownText(inlineText(previous)), shownText(inlineText(next))]
  const texts = type === 'added' ? after : type === 'removed' ? before : `${before} → ${after}`
  return `${signOf(type, style)} ${path}  ${texts}`
}

async function sideOf(
  session: Session,
  opened: OpenedTree,
  side: string,
  document: number | undefined,
): Promise<DiffSide> {
  if (side === 'live') return 'now'
  const [, kind = '', rest = ''] = /^(rev|overlay|layer|file):(.+)$/s.exec(side) ?? []
  if (kind === 'rev' && /^[1-9]\d{0,14}$/.test(rest)) return { revision: Number(rest) }
  if (kind === 'overlay') return chosenLayer(opened, { overlay: rest })
  if (kind === 'layer') return chosenLayer(opened, { layer: rest })
  if (kind === 'file') return { text: await readInput(session, rest), document }
  throw usageError(`diff cannot compare "${side}"`, 'Give live, rev:N, overlay:NAME or file:PATH.')
}
