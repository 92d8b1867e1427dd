import { mkdir } from 'node:fs/promises'
import { chromiumPath, launchChromium } from './chromium.ts'
import { openShop } from './shop.ts'

// Takes pictures of the console: `npm run pictures -- FOLDER [KEYS]`.
const [folder = '.cache/pictures', keys = '0'] = process.argv.slice(2)
const path = chromiumPath()
if (path === undefined) throw new Error('There is no Chromium. Install one, or name it in LIVETREE_CHROMIUM.')
await mkdir(folder, { recursive: true })
const started = performance.now()
const seconds = () => ((performance.now() - started) / 1_000).toFixed(1)
await using shop = await openShop({}, Number(keys))
console.log(`${seconds()} s: the store has its keys`)
await shop.startInstance({ host: 'eu-1' })
await shop.startInstance({ host: 'eu-2', isOlder: true })
await shop.admin.set('http.timeoutMs', 800, { overlay: 'prod', author: 'bob', message: 'sale on Friday' })
await shop.admin.set('db.pool.max', 45, { overlay: 'prod', author: 'ana', message: 'more connections' })
const browser = await launchChromium(path)
try {
  for (const [size, width, height] of [
    ['wide', 1280, 800],
    ['narrow', 390, 780],
  ] as const)
    for (const colorScheme of ['light', 'dark'] as const) {
      const context = await browser.newContext({ viewport: { width, height }, colorScheme })
      const page = await context.newPage()
      page.on('console', (message) => console.log(`${message.type()}: ${message.text()}`))
      page.on(
        'response',
        (response) =>
          void (
            response.ok() ||
            response.text().then((text) => console.log(response.status(), response.url(), text))
          ),
      )
      page.on('pageerror', (error) => console.log(`error: ${error.message}`))
      const shoot = (name: string) =>
        page.screenshot({ path: `${folder}/${name}-${size}-${colorScheme}-${keys}.png` })
      const before = performance.now()
      await page.goto(shop.console.url)
      await page.getByRole('treeitem', { name: /greeting/ }).waitFor()
      console.log(
        `${seconds()} s: first paint of the tree after ${(performance.now() - before).toFixed(0)} ms`,
      )
      await shoot('tree')
      await page.getByRole('searchbox').fill('pool max')
      await page.getByRole('treeitem', { name: /db\.pool\.max/ }).click()
      await page.getByRole('heading', { name: 'Who changed it' }).waitFor()
      await page.waitForTimeout(300)
      await shoot('value')
      await page.getByRole('button', { name: 'Change', exact: true }).click()
      await page.getByLabel(/New value/).fill('9999')
      await page.getByRole('button', { name: 'Review change' }).click()
      await page.locator('.failure').first().waitFor()
      await shoot('refused')
      await page.getByLabel(/New value/).fill(size === 'wide' ? '60' : '70')
      await page.getByRole('button', { name: 'Review change' }).click()
      await page.getByRole('button', { name: 'Ask the running instances first' }).click()
      await page.locator('.answers').waitFor()
      await shoot('change')
      await page.getByLabel(/Why/).fill('sale on Friday')
      await page.getByRole('button', { name: 'Apply' }).click()
      await page.getByRole('heading', { name: /Applied as revision/ }).waitFor()
      await page.locator('.answers').waitFor()
      await page.waitForTimeout(600)
      await shoot('applied')
      await page.getByRole('link', { name: 'History', exact: true }).click()
      await page.locator('.entry').first().waitFor()
      await page.getByRole('button', { name: 'Compare with now' }).nth(2).click()
      await page.waitForTimeout(500)
      await shoot('history')
      await page.getByRole('link', { name: 'Fleet' }).click()
      await page.getByRole('table').waitFor()
      await shoot('fleet')
      await shop.admin.set('db.pool.max', 45, { overlay: 'prod' })
      await context.close()
    }
} finally {
  await browser.close()
}
