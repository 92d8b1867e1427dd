import { useCallback, useEffect, useMemo, useState } from 'preact/hooks'
import type { ErrorView, LiveView, SessionView, TroubleView } from '../src/wire/index.ts'
import { errorView, get, NEW_TOKEN, openStream } from './api.ts'
import { countOf, type Draft } from './draft.ts'
import { type Connection, StoreFollower } from './follow-store.ts'
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
  const { revision, connection, tail, again } = useStream(session !== undefined, place.screen === 'live')
  const open = useCallback(() => {
    setError(undefined)
    get<SessionView>('session').then(setSession, (reason) => setError(errorView(reason)))
  }, [])
  useEffect(open, [open])
  useEffect(() => {
    const onToken = () => {
      open()
      again()
    }
    addEventListener(NEW_TOKEN, onToken)
    return () => removeEventListener(NEW_TOKEN, onToken)
  }, [open, again])
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
      <Header session={session} place={place} draft={draft} revision={revision} connection={connection} />
      <main class="screen" id="main" tabIndex={-1}>
        {connection.type === 'refused' && <Failure error={connection.error} again={again} />}
        {place.screen === 'tree' && <TreeScreen {...props} />}
        {place.screen === 'change' && <ChangeScreen {...props} />}
        {place.screen === 'history' && <HistoryScreen key={addressOf('history', place.path)} {...props} />}
        {place.screen === 'compare' && <CompareScreen {...props} />}
        {place.screen === 'live' && (
          <LiveScreen {...props} tail={tail} isConnected={connection.type === 'live'} />
        )}
        {place.screen === 'fleet' && <FleetScreen {...props} />}
        {place.screen === 'schema' && <SchemaScreen {...props} />}
      </main>
    </>
  )
}

interface HeaderProps extends Pick<ScreenProps, 'session' | 'place' | 'draft' | 'revision'> {
  readonly connection: Connection
}

function Header({ session, place, draft, revision, connection }: HeaderProps) {
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
        <span class={connection.type === 'live' ? 'dot on' : 'dot'} aria-hidden="true" />
        {connectionText(connection, revision)}
        <span class="user">{visibleLine(session.user)}</span>
      </span>
    </header>
  )
}

function connectionText(connection: Connection, revision: number): string {
  if (connection.type === 'live') return `revision ${revision}`
  if (connection.type === 'opening') return 'connecting…'
  if (connection.type === 'refused') return 'signed out'
  const since = new Date(connection.since).toLocaleTimeString()
  return connection.of === 'store' ? `store away since ${since}` : `not connected since ${since}`
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
  const [connection, setConnection] = useState<Connection>({ type: 'opening' })
  const [round, setRound] = useState(0)
  const again = useCallback(() => setRound((before) => before + 1), [])
  const [, redraw] = useState(0)
  const tail = useMemo(() => new LiveTail(() => redraw((count) => count + 1)), [])
  useEffect(() => {
    if (!isOpen) return
    const stop = new AbortController()
    const listener = {
      onRevision: setRevision,
      onLive: (view: LiveView) => tail.take(view),
      onTrouble: (view: TroubleView) => tail.fail(view),
      onConnection(next: Connection) {
        setConnection(next)
        if (next.type === 'live') tail.reopen()
      },
      position: () => (isLive ? tail.position : undefined),
    }
    void new StoreFollower(listener, (query) => openStream(query, stop.signal)).follow(stop.signal)
    return () => stop.abort()
  }, [isOpen, isLive, round, tail])
  return { revision, connection, tail, again }
}
