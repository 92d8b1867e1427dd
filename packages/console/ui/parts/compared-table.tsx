import type { ComparedLineView, ComparedView, WirePath } from '../../src/wire/index.ts'
import { addressOf, keyOf } from '../places.ts'
import { visible, visibleLine } from '../visible.ts'

interface ComparedTableProps {
  readonly places: readonly ComparedView[]
  /** The names of the two sides. */
  readonly into: string
  readonly from: string
  /** The places that are chosen, by `keyOf`; undefined: none can be. */
  readonly chosen: ReadonlySet<string> | undefined
  readonly onChoose: (paths: readonly WirePath[], isChosen: boolean) => void
}

/** How two sides differ, by path: what is written to on the left, what is promoted on the right. */
export function ComparedTable({ places, into, from, chosen, onChoose }: ComparedTableProps) {
  const open = places.filter(({ canPromote }) => canPromote)
  const isAll = open.length > 0 && open.every(({ path }) => chosen?.has(keyOf(path)) === true)
  return (
    <section class="scroll" tabIndex={0} aria-label="Differences">
      <table class="compared">
        <thead>
          <tr>
            {chosen !== undefined && (
              <th scope="col" class="choice">
                <input
                  type="checkbox"
                  aria-label="All that are listed"
                  checked={isAll}
                  disabled={open.length === 0}
                  onChange={() =>
                    onChoose(
                      open.map(({ path }) => path),
                      !isAll,
                    )
                  }
                />
              </th>
            )}
            <th scope="col">Path</th>
            <th scope="col">In {visibleLine(into)}</th>
            <th scope="col">In {visibleLine(from)}</th>
          </tr>
        </thead>
        {places.map((place) => (
          <Place
            key={keyOf(place.path)}
            place={place}
            isChosen={chosen?.has(keyOf(place.path))}
            onChoose={(isChosen) => onChoose([place.path], isChosen)}
          />
        ))}
      </table>
    </section>
  )
}

const NOT_OPEN =
  'You may not change it, no layer can be rid of it, or it would be shown here and is secret there.'

interface PlaceProps {
  readonly place: ComparedView
  /** Undefined: nothing can be chosen. */
  readonly isChosen: boolean | undefined
  readonly onChoose: (isChosen: boolean) => void
}

function Place({ place, isChosen, onChoose }: PlaceProps) {
  const { path, pathText, lines, moreLines, isSecret, isPlaintext, canPromote } = place
  return (
    <tbody class={isChosen === true ? 'chosen' : ''}>
      {lines.map((line, index) => (
        <tr key={line.at}>
          {isChosen !== undefined && (
            <td class="choice">
              {index === 0 && (
                <input
                  type="checkbox"
                  aria-label={`Promote ${visibleLine(pathText)}`}
                  checked={isChosen}
                  disabled={!canPromote}
                  title={canPromote ? undefined : NOT_OPEN}
                  onChange={({ currentTarget }) => onChoose(currentTarget.checked)}
                />
              )}
            </td>
          )}
          <td>
            {index === 0 && (
              <a href={addressOf('tree', path)}>
                <code>{visibleLine(pathText)}</code>
              </a>
            )}{' '}
            {line.at !== '' && <code class="quiet">{visibleLine(line.at)}</code>}
          </td>
          <Sides line={line} isSecret={isSecret} isPlaintext={isPlaintext} />
        </tr>
      ))}
      {moreLines > 0 && (
        <tr>
          {isChosen !== undefined && <td />}
          <td class="quiet" colSpan={3}>
            and {moreLines} more in it
          </td>
        </tr>
      )}
    </tbody>
  )
}

interface SidesProps extends Pick<ComparedView, 'isSecret' | 'isPlaintext'> {
  readonly line: ComparedLineView
}

function Sides({ line, isSecret, isPlaintext }: SidesProps) {
  const { into, from } = line
  const promoted = into === undefined ? 'secret' : 'another secret'
  return (
    <>
      <td class={into === undefined ? 'side' : 'side before'}>
        <Text text={into} secret={isSecret ? 'secret' : undefined} />
      </td>
      <td class={from === undefined ? 'side' : 'side after'}>
        <Text
          text={from}
          secret={isSecret ? (isPlaintext ? `${promoted}, not encrypted` : promoted) : undefined}
        />
      </td>
    </>
  )
}

function Text({ text, secret }: { readonly text: string | undefined; readonly secret: string | undefined }) {
  if (text === undefined) return <span class="nothing">not set</span>
  if (secret !== undefined) return <span class="nothing">{secret}</span>
  return text === '' ? <span class="nothing">empty text</span> : <pre>{visible(text)}</pre>
}
