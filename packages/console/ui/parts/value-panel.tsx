import { useEffect, useRef, useState } from 'preact/hooks'
import type { HistoryPage, ValueView } from '../../src/wire/index.ts'
import { get } from '../api.ts'
import type { ScreenProps } from '../screen-props.ts'
import { addressOf, goTo } from '../places.ts'
import { visible, visibleLine } from '../visible.ts'
import { EditForm } from './edit-form.tsx'
import { Failure, Issues } from './failure.tsx'
import { HistoryEntry } from './history-entry.tsx'
import { useLoaded } from './use-loaded.ts'

interface ValuePanelProps extends ScreenProps {
  /** How often the form was asked for by a key of the tree. */
  readonly entered: number
}

/** Everything about one place: what is in effect, what it takes, where it is from, who changed it; and the form. */
export function ValuePanel({ entered, ...props }: ValuePanelProps) {
  const { place, revision } = props
  const { path } = place
  const loaded = useLoaded(
    (signal) => get<ValueView>('value', { path: JSON.stringify(path) }, signal),
    [revision],
  )
  const [isEditing, setEditing] = useState(false)
  const heading = useRef<HTMLHeadingElement>(null)
  const { data: value, error, again } = loaded
  useEffect(() => {
    if (entered > 0) setEditing(true)
  }, [entered])
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent) => {
      if (event.key !== 'Escape') return
      if (isEditing) setEditing(false)
      else goTo('tree')
    }
    addEventListener('keydown', onKeyDown)
    return () => removeEventListener('keydown', onKeyDown)
  }, [isEditing])
  return (
    <aside class="panel" aria-label="Value">
      <p class="back">
        <a href={addressOf('tree')}>← All values</a>
      </p>
      <h2 ref={heading} tabIndex={-1}>
        {visibleLine(value?.pathText ?? String(path.at(-1) ?? ''))}
      </h2>
      {error !== undefined && <Failure error={error} again={again} />}
      {value !== undefined && (
        <>
          {value.description !== '' && <p>{visible(value.description)}</p>}
          <Facts value={value} />
          <Issues issues={value.issues} />
          {isEditing ? (
            <EditForm {...props} value={value} onDone={() => setEditing(false)} />
          ) : (
            <Current value={value} onEdit={() => setEditing(true)} />
          )}
          <Held value={value} />
          <Past path={JSON.stringify(path)} {...props} />
        </>
      )}
    </aside>
  )
}

function Current({ value, onEdit }: { readonly value: ValueView; readonly onEdit: () => void }) {
  const { text, isSecret, isGroup, canWrite, layers } = value
  return (
    <>
      {!isGroup && (
        <pre class="current">
          {text === undefined ? <span class="nothing">not set</span> : isSecret ? 'secret' : visible(text)}
        </pre>
      )}
      {canWrite && layers.length > 0 && (
        <p>
          <button type="button" class="main" onClick={onEdit}>
            {isGroup ? 'Change as a whole' : 'Change'}
          </button>
        </p>
      )}
    </>
  )
}

function Facts({ value }: { readonly value: ValueView }) {
  const { takes, isSecret, needsRestart, isOptional, default: fallback } = value
  return (
    <p class="facts">
      {takes !== '' && <span>takes {visibleLine(takes)}</span>}
      {fallback !== undefined && <span>default {visibleLine(fallback)}</span>}
      {fallback === undefined && takes !== '' && !isOptional && <span>required</span>}
      {isSecret && <span class="badge">secret</span>}
      {needsRestart && <span class="badge">needs a restart</span>}
    </p>
  )
}

/** What each layer has, the one that wins at the top. */
function Held({ value }: { readonly value: ValueView }) {
  if (value.held.length === 0) return null
  return (
    <section>
      <h3>Where it comes from</h3>
      <table class="held">
        <thead>
          <tr>
            <th scope="col">Layer</th>
            <th scope="col">Holds</th>
            <th scope="col">Revision</th>
          </tr>
        </thead>
        <tbody>
          {value.held.map(({ from, key, revision, text }, index) => (
            <tr key={index} class={index === 0 || value.isGroup ? '' : 'shadowed'}>
              <td title={key}>{visibleLine(from)}</td>
              <td>
                <code>{visibleLine(text)}</code>
              </td>
              <td>{revision === 0 ? '' : revision}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  )
}

/** How many entries of the history are shown beside a value. */
const MOST_PAST = 5

function Past({ path, ...props }: ScreenProps & { readonly path: string }) {
  const { data, error } = useLoaded(
    (signal) => get<HistoryPage>('history', { path, limit: MOST_PAST }, signal),
    [props.revision],
  )
  return (
    <section>
      <h3>Who changed it</h3>
      {error !== undefined && <Failure error={error} />}
      {data?.entries.length === 0 && <p class="quiet">Nobody, as far as the store still knows.</p>}
      <ol class="entries">
        {data?.entries.map((entry) => (
          <HistoryEntry key={entry.revision} entry={entry} {...props} along={props.place.path} />
        ))}
      </ol>
      {data?.hasMore === true && <a href={addressOf('history', props.place.path)}>All of its history</a>}
    </section>
  )
}
