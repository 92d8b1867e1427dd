import { useEffect } from 'preact/hooks'
import type { ConvergenceView, FleetView, InstanceView } from '../../src/wire/index.ts'
import { get } from '../api.ts'
import type { ScreenProps } from '../screen-props.ts'
import { Convergence } from '../parts/convergence-plot.tsx'
import { Failure } from '../parts/failure.tsx'
import { SaidIssues } from '../parts/said-issues.tsx'
import { useLoaded } from '../parts/use-loaded.ts'
import { visibleLine } from '../visible.ts'

/** How often the instances are read while they are looked at, in milliseconds. */
const AGAIN_MS = 3_000

/** The running instances: what each has in service, by which schema, and what it refuses. */
export function FleetScreen({ revision }: ScreenProps) {
  const { data, error, again } = useLoaded((signal) => get<FleetView>('fleet', {}, signal), [revision])
  const convergence = useLoaded((signal) => get<ConvergenceView>('convergence', {}, signal), [data])
  useEffect(() => {
    const timer = setInterval(() => document.hidden || again(), AGAIN_MS)
    return () => clearInterval(timer)
  }, [again])
  if (data === undefined)
    return (
      <div class="column">
        <h1>Fleet</h1>
        {error === undefined ? <p class="quiet">Reading…</p> : <Failure error={error} again={again} />}
      </div>
    )
  const { instances, unreadable } = data
  const schemas = [...new Set(instances.map(({ schema }) => schema))]
  const revisions = [...new Set(instances.map(({ applied }) => applied))]
  return (
    <div class="column wide">
      <h1>Fleet</h1>
      <p class="sum">
        <span>{counted(instances.length, 'instance')}</span>
        <span>{counted(revisions.length, 'revision')} in service</span>
        <span>{counted(schemas.length, 'schema')}</span>
        {unreadable > 0 && <span class="quiet">{unreadable} cannot be read here</span>}
      </p>
      {instances.length === 0 && (
        <p class="quiet">
          No running instance has joined the fleet. An application does with <code>joinFleet(config)</code> of{' '}
          <code>livetree/fleet</code>.
        </p>
      )}
      {instances.length > 0 && <Instances instances={instances} schemas={schemas} />}
      {convergence.error !== undefined && <Failure error={convergence.error} />}
      {instances.length > 0 && convergence.data !== undefined && <Convergence view={convergence.data} />}
    </div>
  )
}

interface InstancesProps {
  readonly instances: readonly InstanceView[]
  readonly schemas: readonly string[]
}

/** Those in trouble first. */
function Instances({ instances, schemas }: InstancesProps) {
  const sorted = instances.toSorted((a, b) => troubleOf(b) - troubleOf(a) || a.applied - b.applied)
  return (
    <section class="scroll" tabIndex={0} aria-label="Instances">
      <table class="answers">
        <thead>
          <tr>
            <th scope="col">Instance</th>
            <th scope="col">In service</th>
            <th scope="col">Schema</th>
            <th scope="col">State</th>
          </tr>
        </thead>
        <tbody>
          {sorted.map((instance) => (
            <tr key={`${instance.name} ${instance.id}`}>
              <td>
                {visibleLine(instance.host)} <span class="quiet">{visibleLine(instance.appVersion)}</span>
                <span class="id">{visibleLine(`${instance.name} ${instance.id}`)}</span>
                {instance.labels.length > 0 && (
                  <span class="id">{visibleLine(instance.labels.join(' '))}</span>
                )}
              </td>
              <td>{instance.applied}</td>
              <td title={instance.schema}>
                {schemas.length === 1 ? 'the same' : `version ${schemas.indexOf(instance.schema) + 1}`}
              </td>
              <td>
                <State instance={instance} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  )
}

function State({ instance }: { readonly instance: InstanceView }) {
  const { verdict, judged, state, servedFrom, needsRestart, issues, moreIssues } = instance
  return (
    <>
      {verdict === 'rejected' ? (
        <span class="verdict rejected">refuses revision {judged}</span>
      ) : (
        <span class="verdict applied">{state}</span>
      )}
      {verdict === 'rejected' && state !== 'live' && <span class="quiet"> {state}</span>}
      {servedFrom !== 'sources' && <span class="quiet"> from {servedFrom}</span>}
      {needsRestart.length > 0 && (
        <p class="quiet">
          Runs an old value until it starts again: {needsRestart.map(visibleLine).join(', ')}
        </p>
      )}
      {issues.length > 0 && <SaidIssues issues={issues} moreIssues={moreIssues} />}
    </>
  )
}

function troubleOf({ verdict, state, needsRestart }: InstanceView): number {
  if (verdict === 'rejected') return 3
  if (state !== 'live') return 2
  return needsRestart.length > 0 ? 1 : 0
}

function counted(count: number, noun: string): string {
  return `${count} ${count === 1 ? noun : `${noun}s`}`
}
