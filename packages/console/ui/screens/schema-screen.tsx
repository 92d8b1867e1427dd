import { useState } from 'preact/hooks'
import type { SchemaPlaceView, SchemaView } from '../../src/wire/index.ts'
import { get } from '../api.ts'
import { Failure } from '../parts/failure.tsx'
import { useLoaded } from '../parts/use-loaded.ts'
import { addressOf } from '../places.ts'
import type { ScreenProps } from '../screen-props.ts'
import { visible, visibleLine } from '../visible.ts'

/** Every place of the schema: what it takes, its default, what it means. */
export function SchemaScreen(_: ScreenProps) {
  const { data, error, again } = useLoaded((signal) => get<SchemaView>('schema', {}, signal), [])
  const [search, setSearch] = useState('')
  const words = search.toLowerCase().split(/\s+/).filter(Boolean)
  const found = data?.places.filter((place) => hasWords(place, words)) ?? []
  return (
    <div class="column wide">
      <h1>Schema</h1>
      {error !== undefined && <Failure error={error} again={again} />}
      {data === undefined && error === undefined && <p class="quiet">Reading…</p>}
      {data !== undefined && (
        <>
          <label>
            Search paths, types and descriptions
            <input
              type="search"
              value={search}
              onInput={({ currentTarget }) => setSearch(currentTarget.value)}
            />
          </label>
          <p class="quiet" role="status">
            {found.length} of {data.places.length} places
            {data.more > 0 && `, and ${data.more} more that are not listed`}
          </p>
          <Places places={found} />
        </>
      )}
    </div>
  )
}

function Places({ places }: { readonly places: readonly SchemaPlaceView[] }) {
  if (places.length === 0) return null
  return (
    <section class="scroll" tabIndex={0} aria-label="Places">
      <table class="answers">
        <thead>
          <tr>
            <th scope="col">Path</th>
            <th scope="col">Takes</th>
            <th scope="col">Default</th>
            <th scope="col">Description</th>
          </tr>
        </thead>
        <tbody>
          {places.map((place) => (
            <PlaceLine key={place.pathText} place={place} />
          ))}
        </tbody>
      </table>
    </section>
  )
}

function PlaceLine({ place }: { readonly place: SchemaPlaceView }) {
  const { path, pathText, takes, description, isSecret, isOptional, needsRestart } = place
  return (
    <tr>
      <td>
        {path.includes('<key>') ? (
          <code>{visibleLine(pathText)}</code>
        ) : (
          <a href={addressOf('tree', path)}>
            <code>{visibleLine(pathText)}</code>
          </a>
        )}
      </td>
      <td>{visibleLine(takes)}</td>
      <td>{defaultText(place.default, isOptional)}</td>
      <td>
        {visible(description)} {isSecret && <span class="badge">secret</span>}{' '}
        {needsRestart && <span class="badge">needs a restart</span>}
      </td>
    </tr>
  )
}

function defaultText(fallback: string | undefined, isOptional: boolean): string {
  if (fallback !== undefined) return visibleLine(fallback)
  return isOptional ? 'none' : 'required'
}

function hasWords({ pathText, takes, description }: SchemaPlaceView, words: readonly string[]): boolean {
  const text = `${pathText} ${takes} ${description}`.toLowerCase()
  return words.every((word) => text.includes(word))
}
