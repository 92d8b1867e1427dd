import { getEtcdOfKind } from '../support/etcd-kind.ts'
import { freePorts } from '../support/free-ports.ts'
import { RunningEtcd } from '../support/running-etcd.ts'
import { waitFor } from '../support/wait-for.ts'

/** etcd's own grpc-proxy, which makes one watch of many that are alike. */
export interface GrpcProxy extends AsyncDisposable {
  readonly endpoint: string
  readonly pid: number
}

/** Starts a grpc-proxy in front of an etcd. */
export async function startGrpcProxy(target: string): Promise<GrpcProxy> {
  const { etcd } = await getEtcdOfKind('current')
  const [port] = await freePorts(1)
  const address = `127.0.0.1:${port}`
  const running = new RunningEtcd(
    etcd,
    [
      'grpc-proxy',
      'start',
      `--endpoints=${target}`,
      `--listen-addr=${address}`,
      `--advertise-client-url=${address}`,
    ],
    undefined,
  )
  const isServing = async () => {
    const answer = await fetch(`http://${address}/health`).catch(() => undefined)
    await answer?.body?.cancel()
    return answer?.ok === true
  }
  await waitFor(isServing, { what: 'the grpc-proxy' })
  return {
    endpoint: `http://${address}`,
    pid: running.pid ?? 0,
    [Symbol.asyncDispose]: () => running.end('SIGTERM'),
  }
}
