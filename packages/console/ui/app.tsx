import { useCallback, useEffect, useMemo, useState } from 'preact/hooks'
import type { ErrorView, LiveView, SessionView } from '../src/wire/index.ts'
import { errorView, followStore, get } from './api.ts'
import { countOf, type Draft } from './draft.ts'
import { Failure } from './parts/failure.tsx'
import { LiveTail } from './parts/live-tail.ts'
import { addressOf, type Place, placeOf, type Screen, SCREENS } from './places.ts'
import type { ScreenProps } from './screen-props.ts'
import { ChangeScreen } from './screens/change-screen.tsx'
import { CompareScreen } from './screens/compare-screen.tsx'
import { FleetScreen } from './screens/fleet-screen.tsx'
import { HistoryScreen } from './screens/history-screen.tsx'
import { LiveScreen } from './screens/live-screen.tsx'
import { SchemaScreen } from './screens/schema-screen.tsx'
import { TreeScreen } from './screens/tree-screen.tsx'
import { visibleLine } from './visible.ts'

const NAMES: Readonly<Record<Screen, string>> = {
  tree: 'Tree',
  change: 'Change',
  history: 'History',
  compare: 'Compare',
  live: 'Live',
  fleet: 'Fleet',
  schema: 'Schema',
}

/** The whole console. */
export function App() {
  const [session, setSession] = useState<SessionView>()
  const [error, setError] = useState<ErrorView>()
  const [draft, setDraft] = useState<Draft>()
  const place = usePlace()
  const { revision, isConnected, tail } = useStream(session !== undefined, place.screen === 'live')
  const open = useCallback(() => {
    setError(undefined)
    get<SessionView>('session').then(setSession, (reason) => setError(errorView(reason)))
  }, [])
  useEffect(open, [open])
  useEffect(() => {
    if (session !== undefined) document.title = `${NAMES[place.screen]} · ${session.name} · livetree`
  }, [session, place.screen])
  if (session === undefined)
    return (
      <main class="alone">
        <h1>livetree</h1>
        {error === undefined ? <p class="quiet">Opening…</p> : <Failure error={error} again={open} />}
      </main>
    )
  const props: ScreenProps = { session, place, revision, draft, setDraft }
  return (
    <>
      <Header session={session} place={place} draft={draft} revision={revision} isConnected={isConnected} />
      <main class="screen" id="main" tabIndex={-1}>
        {place.screen === 'tree' && <TreeScreen {...props} />}
        {place.screen === 'change' && <ChangeScreen {...props} />}
        {place.screen === 'history' && <HistoryScreen key={addressOf('history', place.path)} {...props} />}
        {place.screen === 'compare' && <CompareScreen {...props} />}
        {place.screen === 'live' && <LiveScreen {...props} tail={tail} isConnected={isConnected} />}
        {place.screen === 'fleet' && <FleetScreen {...props} />}
        {place.screen === 'schema' && <SchemaScreen {...props} />}
      </main>
    </>
  )
}

interface HeaderProps extends Pick<ScreenProps, 'session' | 'place' | 'draft' | 'revision'> {
  readonly isConnected: boolean
}

function Header({ session, place, draft, revision, isConnected }: HeaderProps) {
  const screens = session.canWrite ? SCREENS : SCREENS.filter((screen) => screen !== 'change')
  const count = countOf(draft)
  return (
    <header class="bar">
      <button type="button" class="skip" onClick={skipToMain}>
        Skip to content
      </button>
      <strong class="product">{visibleLine(session.name)}</strong>
      <nav aria-label="Screens">
        {screens.map((screen) => (
          <a
            key={screen}
            href={addressOf(screen)}
            aria-current={place.screen === screen ? 'page' : undefined}
          >
            {NAMES[screen]}
            {screen === 'change' && count > 0 && (
              <span class="count">
                {count}
                <span class="sr"> {count === 1 ? 'change' : 'changes'} to review</span>
              </span>
            )}
          </a>
        ))}
      </nav>
      <span class="state" role="status">
        {session.isReadOnly && <span class="badge">read-only</span>}
        <span class={isConnected ? 'dot on' : 'dot'} aria-hidden="true" />
        {isConnected ? `revision ${revision}` : 'not connected'}
        <span class="user">{visibleLine(session.user)}</span>
      </span>
    </header>
  )
}

function skipToMain(): void {
  document.getElementById('main')?.focus()
}

function usePlace(): Place {
  const [place, setPlace] = useState(() => placeOf(location.hash))
  useEffect(() => {
    const onChange = () => setPlace(placeOf(location.hash))
    addEventListener('hashchange', onChange)
    return () => removeEventListener('hashchange', onChange)
  }, [])
  return place
}

/** The one stream of the tab. The tail is only read while it is looked at, and then goes on where it was. */
function useStream(isOpen: boolean, isLive: boolean) {
  const [revision, setRevision] = useState(0)
  const [isConnected, setConnected] = useState(false)
  const [, redraw] = useState(0)
  const tail = useMemo(() => new LiveTail(() => redraw((count) => count + 1)), [])
  useEffect(() => {
    if (!isOpen) return
    const stop = new AbortController()
    const listener = {
      onRevision: setRevision,
      onLive: (view: LiveView) => tail.take(view),
      onTrouble: (error: ErrorView) => tail.fail(error),
      onState(isThere: boolean) {
        setConnected(isThere)
        if (isThere) tail.reopen()
      },
      position: () => (isLive ? tail.position : undefined),
    }
    void followStore(listener, stop.signal)
    return () => stop.abort()
  }, [isOpen, isLive, tail])
  return { revision, isConnected, tail }
}
