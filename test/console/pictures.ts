import { mkdir } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { Browser, Page } from 'playwright-core'
import { chromiumPath, launchChromium } from './chromium.ts'
import { openShop, type Shop } from './shop.ts'

// Takes pictures of the console. `npm run pictures`: those of the documentation, into `docs/pictures`. `npm run pictures -- FOLDER
// [KEYS]`: of every screen, wide and narrow, light and dark, with so many keys besides those of the shop, to be looked at.

/** How a page is looked at. */
interface Look {
  readonly suffix: string
  readonly width: number
  readonly height: number
  readonly colorScheme: 'light' | 'dark'
}

const [folder, keys = '0'] = process.argv.slice(2)
const LOOKS: readonly Look[] =
  folder === undefined
    ? [{ suffix: '', width: 1120, height: 640, colorScheme: 'light' }]
    : (['light', 'dark'] as const).flatMap((colorScheme) => [
        { suffix: `-wide-${colorScheme}-${keys}`, width: 1280, height: 800, colorScheme },
        { suffix: `-narrow-${colorScheme}-${keys}`, width: 390, height: 780, colorScheme },
      ])
const target = folder ?? fileURLToPath(new URL('../../docs/pictures', import.meta.url))

const path = chromiumPath()
if (path === undefined) throw new Error('There is no Chromium. Install one, or name it in LIVETREE_CHROMIUM.')
await mkdir(target, { recursive: true })
await using shop = await openShop({}, Number(keys))
await shop.startInstance({ host: 'eu-1' })
await shop.startInstance({ host: 'eu-2' })
await shop.startInstance({ host: 'us-1', isOlder: true })
await shop.admin.set('http.timeoutMs', 800, { overlay: 'prod', author: 'bob', message: 'slow partners' })
const browser = await launchChromium(path)
try {
  for (const look of LOOKS) {
    await shop.admin.set('db.pool.max', 45, { overlay: 'prod', author: 'ana', message: 'more connections' })
    await takePictures(browser, shop, look)
  }
} finally {
  await browser.close()
}

/** Takes a picture of each step of the story. */
async function takePictures(browser: Browser, shop: Shop, look: Look): Promise<void> {
  const { suffix, width, height, colorScheme } = look
  const context = await browser.newContext({ viewport: { width, height }, colorScheme })
  const page = await context.newPage()
  page.setDefaultTimeout(120_000)
  page.on('pageerror', (error) => console.error(`${suffix}: ${error.message}`))
  const shoot = async (name: string) => {
    await page.waitForTimeout(500)
    await page.screenshot({ path: `${target}/${name}${suffix}.png` })
  }
  const before = performance.now()
  await page.goto(shop.console.url)
  await page.getByRole('treeitem', { name: /greeting/ }).waitFor()
  console.log(`${suffix}: the tree is there after ${(performance.now() - before).toFixed(0)} ms`)
  await shoot('tree')
  await change(page, shoot)
  await lookAround(page, shop, shoot)
  await context.close()
}

type Shoot = (name: string) => Promise<void>

/** Finds a value, changes it, is refused by the schema, asks the instances, applies it. */
async function change(page: Page, shoot: Shoot): Promise<void> {
  await page.getByRole('searchbox').fill('pool max')
  await page.getByRole('treeitem', { name: /db\.pool\.max/ }).click()
  await page.getByRole('heading', { name: 'Who changed it' }).waitFor()
  await page.getByText('more connections').first().waitFor()
  await shoot('value')
  await page.getByRole('button', { name: 'Change', exact: true }).click()
  await page.getByLabel(/New value/).fill('9999')
  await page.getByRole('button', { name: 'Review change' }).click()
  await page.locator('.failure').first().waitFor()
  await shoot('refused')
  await page.getByLabel(/New value/).fill('60')
  await page.getByRole('button', { name: 'Review change' }).click()
  await page.getByRole('button', { name: 'Ask the running instances first' }).click()
  await page.locator('.answers').waitFor()
  await page.getByLabel(/Why/).fill('sale on Friday')
  await shoot('change')
  await page.getByRole('button', { name: 'Apply' }).click()
  await page.getByRole('heading', { name: /Applied as revision/ }).waitFor()
  await page.getByText('1 refuses it').waitFor()
  await page.getByText('2 have it').waitFor()
  await shoot('applied')
}

/** Visits the other screens. */
async function lookAround(page: Page, shop: Shop, shoot: Shoot): Promise<void> {
  const open = (name: string) => page.getByRole('link', { name, exact: true }).click()
  await open('History')
  await page.locator('.entry').first().waitFor()
  await page.getByRole('button', { name: 'Compare with now' }).nth(2).click()
  await page.locator('.planned').first().waitFor()
  await shoot('history')
  await open('Compare')
  await page.getByText(/places differ/).waitFor({ timeout: 120_000 })
  if (Number(keys) > 0) await page.getByRole('searchbox').fill('http')
  await page.getByLabel(Number(keys) > 0 ? 'Promote http.hosts' : 'Promote features.gifts').check()
  await shoot('compare')
  await open('Live')
  await page.getByText('sale on Friday').first().waitFor()
  await shop.client.kv.put('/config/shop/prod/db/pool/max', '48')
  await page
    .getByText(/has revision/)
    .first()
    .waitFor()
  await page.waitForTimeout(1_500)
  await shoot('live')
  await open('Fleet')
  await page.getByRole('img', { name: /half after/ }).waitFor()
  await shoot('fleet')
  await open('Schema')
  await page.getByText('places').waitFor()
  await shoot('schema')
}
