import { useState } from 'preact/hooks'
import type { HistoryChangeView, HistoryView, WirePath } from '../../src/wire/index.ts'
import { mayReplace } from '../draft.ts'
import type { ScreenProps } from '../screen-props.ts'
import { goTo, keyOf } from '../places.ts'
import { visible, visibleLine } from '../visible.ts'

interface HistoryEntryProps extends ScreenProps {
  readonly entry: HistoryView
  /** Only changes at, below and above this path are shown. */
  readonly along?: WirePath
  /** Compares the state before with the one after. */
  readonly onCompare?: (revision: number) => void
}

/** Changes that are shown at first. */
const MOST_SHOWN = 5

/** One write: who, when, why, what; and the way back. */
export function HistoryEntry({ entry, along = [], session, draft, setDraft, onCompare }: HistoryEntryProps) {
  const [isWhole, setWhole] = useState(false)
  const { revision, author, at, message, kind, to, hidden } = entry
  const changes = entry.changes.filter(({ path }) => isAlong(path, along))
  const shown = isWhole ? changes : changes.slice(0, MOST_SHOWN)
  const takeBack = () => {
    if (!mayReplace(draft)) return
    setDraft({ rollbackTo: revision - 1, only: changes.map(({ path }) => path) })
    goTo('change')
  }
  return (
    <li class="entry">
      <p class="entry-head">
        <strong>{revision}</strong>
        <span>{author === '' ? whoWithoutRecord(kind) : visibleLine(author)}</span>
        {at > 0 && <time dateTime={new Date(at).toISOString()}>{timeText(at)}</time>}
        {to > 0 && <span class="badge">back to {to}</span>}
      </p>
      {message !== '' && <p class="why">{visible(message)}</p>}
      <ul class="changes">
        {shown.map((change) => (
          <li key={`${change.layer} ${keyOf(change.path)}`}>
            <HistoryChange change={change} />
          </li>
        ))}
      </ul>
      <p class="entry-tools">
        {changes.length > shown.length && (
          <button type="button" class="link" onClick={() => setWhole(true)}>
            {changes.length - shown.length} more
          </button>
        )}
        {hidden > 0 && <span class="quiet">and {hidden} that are not shown</span>}
        {onCompare !== undefined && (
          <button type="button" class="link" onClick={() => onCompare(revision)}>
            Compare with now
          </button>
        )}
        {session.canWrite && changes.length > 0 && (
          <button type="button" class="link" onClick={takeBack}>
            Take back…<span class="sr"> revision {revision}</span>
          </button>
        )}
      </p>
    </li>
  )
}

function HistoryChange({ change }: { readonly change: HistoryChangeView }) {
  const { pathText, layer, before, after, isRemoved } = change
  return (
    <>
      <code class="path">{visibleLine(pathText === '' ? '(whole document)' : pathText)}</code>{' '}
      <span class="quiet">{visibleLine(layer.slice(layer.lastIndexOf('/') + 1))}</span>{' '}
      {before !== undefined && <del>{visibleLine(cut(before))}</del>}
      {before !== undefined && ' → '}
      {isRemoved ? <span class="nothing">removed</span> : <ins>{visibleLine(cut(after ?? ''))}</ins>}
    </>
  )
}

/** The longest text of a line. */
const MOST_TEXT = 120

function cut(text: string): string {
  return text.length > MOST_TEXT ? `${text.slice(0, MOST_TEXT - 1)}…` : text
}

function whoWithoutRecord(kind: string): string {
  if (kind === 'newer') return 'a newer version of livetree'
  return kind === 'unreadable' ? 'a record that is damaged' : 'another tool'
}

function timeText(at: number): string {
  return new Date(at).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' })
}

function isAlong(path: WirePath, along: WirePath): boolean {
  return along.every((name, index) => index >= path.length || String(path[index]) === String(name))
}
