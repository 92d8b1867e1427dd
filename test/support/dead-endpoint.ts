import { freePorts } from './free-ports.ts'

/**
 * The URL of a place on loopback where nobody listens unless the test starts a server there. The port of a server that was
 * closed does not do: the system soon gives it to another one, or to an outgoing connection.
 */
export async function deadEndpoint(): Promise<string> {
  const [port] = await freePorts(1)
  return `http://127.0.0.1:${port}`
}
