import { FormData, Request, type RequestInfo, type RequestInit } from 'undici'

/**
 * What `fetch` was given, in the classes of this undici. Node carries an undici of its own, whose `Request` and `FormData` this
 * one would take for text.
 */
export function inOwnClasses(input: RequestInfo, init: RequestInit): [input: RequestInfo, init: RequestInit] {
  const { body } = init
  return [ownRequest(input), isNodes('FormData', body) ? { ...init, body: ownForm(body) } : init]
}

function ownRequest(input: unknown): RequestInfo {
  // A request has all members of the options that make one.
  return isNodes('Request', input)
    ? new Request(input.url, input as unknown as RequestInit)
    : (input as RequestInfo)
}

function ownForm(given: globalThis.FormData): FormData {
  const form = new FormData()
  for (const [name, value] of given) form.append(name, value)
  return form
}

interface NodesClasses {
  readonly Request: globalThis.Request
  readonly FormData: globalThis.FormData
}

/** Whether a value is of Node's class, which is this undici's own where that is installed globally. */
function isNodes<Name extends keyof NodesClasses>(name: Name, value: unknown): value is NodesClasses[Name] {
  const own = { Request, FormData }[name]
  return value instanceof globalThis[name] && !(value instanceof own)
}
