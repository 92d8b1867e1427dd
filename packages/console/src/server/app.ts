import { randomBytes } from 'node:crypto'
import { type Context, Hono } from 'hono'
import type { ResolvedConsole } from '../console-options.ts'
import { pageAsset } from '../page-assets.ts'
import { ALL_ROUTES } from '../routes/all-routes.ts'
import { failureOf } from '../routes/failure.ts'
import type { Route } from '../routes/route.ts'
import { Access, type Principal, readPrincipal } from '../security/access.ts'
import { securityHeaders } from '../security/headers.ts'
import { Refusal } from '../security/refusal.ts'
import { assertHost, assertOrigin } from '../security/request-guard.ts'
import { hasToken } from '../security/token.ts'
import type { StoreWatches } from '../store-watches.ts'
import { pageHtml } from './page.ts'
import { readJson } from './read-json.ts'

/** Nobody: what a failure may show before it is known who asks. */
const NOBODY = new Access({ user: 'nobody', can: { read: [], write: [] } })

/** What all requests share. */
interface Shared {
  readonly settings: ResolvedConsole
  readonly watches: StoreWatches
  /** Aborted when the console is closed. */
  readonly closed: AbortSignal
}

/** The console as a Hono application: the page, its files, and `api/`. */
export function consoleApp(settings: ResolvedConsole, watches: StoreWatches, closed: AbortSignal): Hono {
  const shared = { settings, watches, closed }
  const app = new Hono()
  app.use(async (context, next) => {
    await next()
    for (const [name, value] of Object.entries(securityHeaders(undefined)))
      if (!context.res.headers.has(name)) context.res.headers.set(name, value)
  })
  // A browser that comes again would keep the connection, and with it the server, from ending.
  app.use(async (context, next) => {
    if (!closed.aborted) return next()
    context.header('connection', 'close')
    return sendFailure(context, new Refusal(503, 'closed', 'The console is closed.'))
  })
  app.use(async ({ req }, next) => {
    assertHost(req.raw.headers.get('host'), settings.hosts)
    await next()
  })
  app.get('/', sendPage)
  app.get('/assets/:name', sendAsset)
  for (const route of ALL_ROUTES)
    app.on(route.method, `/api/${route.path}`, (context) => answer(context, route, shared))
  app.notFound((context) => sendFailure(context, new Refusal(404, 'not_found', 'There is no such address.')))
  app.onError((error, context) => {
    report(settings, error)
    return sendFailure(context, failureOf(error, NOBODY))
  })
  return app
}

/** Runs a route for whoever asks, if they may. */
async function answer(
  context: Context,
  route: Route,
  { settings, watches, closed }: Shared,
): Promise<Response> {
  let access = NOBODY
  try {
    const { raw } = context.req
    assertOrigin(raw.headers, settings.hosts)
    access = new Access(await principalOf(raw, settings))
    if (route.isMutating && (settings.readOnly || !access.canWrite))
      throw new Refusal(403, 'read_only', 'Nothing can be changed here: the console is read-only.')
    const result = await route.run({
      admin: settings.admin,
      environments: settings.environments,
      trees: watches.trees,
      fleet: watches.fleet,
      writes: watches.writes,
      access,
      isReadOnly: settings.readOnly,
      isStillLetIn: () => isLetInAs(access, raw, settings),
      query: new URL(raw.url).searchParams,
      body: route.method === 'POST' ? await readJson(raw) : undefined,
      signal: AbortSignal.any([raw.signal, closed]),
    })
    const response = result instanceof Response ? result : context.json(result)
    // Whoever asks for the head takes no body, which may be a stream without an end.
    if (raw.method === 'HEAD') await response.body?.cancel()
    return response
  } catch (error) {
    report(settings, error)
    return sendFailure(context, failureOf(error, access))
  }
}

/** Whether a request would be answered as it was. */
async function isLetInAs(access: Access, request: Request, settings: ResolvedConsole): Promise<boolean> {
  try {
    return new Access(await principalOf(request, settings)).isSameAs(access)
  } catch {
    return false
  }
}

/** @throws Refusal 401 */
async function principalOf(request: Request, settings: ResolvedConsole): Promise<Principal> {
  const { token, user, authorize } = settings
  if (token !== undefined && hasToken(request.headers, token)) return { user }
  const principal = await authorized(request, settings)
  if (principal !== undefined) return principal
  const how =
    authorize === undefined
      ? 'Open the address that the console printed when it was started.'
      : 'Sign in to the application, and open the console again.'
  throw new Refusal(401, 'not_signed_in', `You are not signed in. ${how}`)
}

/** What throws lets nobody in, and so does what is no principal. */
async function authorized(
  request: Request,
  { authorize, logger }: ResolvedConsole,
): Promise<Principal | undefined> {
  let returned: unknown
  try {
    returned = await authorize?.(request)
  } catch {
    return undefined
  }
  try {
    return readPrincipal(returned)
  } catch (error) {
    logger?.error('What authorize returns is no user of the console: nobody is let in', { error })
    return undefined
  }
}

function sendPage(context: Context): Response {
  const nonce = randomBytes(16).toString('base64')
  return context.html(pageHtml(nonce), 200, { ...securityHeaders(nonce) })
}

async function sendAsset(context: Context): Promise<Response> {
  const asset = await pageAsset(context.req.param('name') ?? '')
  if (asset === undefined)
    return sendFailure(context, new Refusal(404, 'not_found', 'There is no such file.'))
  const headers = { 'content-type': asset.contentType, etag: asset.etag, 'cache-control': 'no-cache' }
  if (context.req.header('if-none-match') === asset.etag) return context.body(null, 304, headers)
  return context.body(asset.body, 200, headers)
}

function sendFailure(context: Context, { status, view }: Refusal): Response {
  return context.json(view, status)
}

/** What a user only learns of as "something failed". */
function report({ logger }: ResolvedConsole, error: unknown): void {
  if (failureOf(error, NOBODY).status === 500) logger?.error('The console failed to answer', { error })
}
