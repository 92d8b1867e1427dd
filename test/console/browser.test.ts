import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { chromiumPath, launchChromium } from './chromium.ts'
import { openShop, type Shop, TAINT } from './shop.ts'

const path = chromiumPath()
const AXE = fileURLToPath(import.meta.resolve('axe-core/axe.min.js'))

/** The name of the control that has the focus; empty: none has. */
const FOCUSED_LABEL = `(() => {
  const element = document.activeElement
  if (!element.matches('a, button, input, select, textarea, [role="tree"]')) return ''
  return element.getAttribute('aria-label') ?? element.labels?.[0]?.textContent ?? element.textContent
})()`

/** Where there is no browser, one test says so; in CI, which installs one, it fails. */
test.skipIf(path === undefined && process.env['CI'] === undefined)('there is a Chromium', () => {
  expect(path, 'Install chromium, or name it in LIVETREE_CHROMIUM').toBeDefined()
})

describe.skipIf(path === undefined)('the pages, in Chromium', () => {
  let browser: Browser
  let axe: string

  beforeAll(async () => {
    browser = await launchChromium(path ?? '')
    axe = await readFile(AXE, 'utf8')
  })
  afterAll(() => browser?.close())

  /** Opens the console. What the browser reports of faults fails the test, before the console is closed. */
  async function openPage(shop: Shop, options: Parameters<Browser['newContext']>[0] = {}) {
    const context: BrowserContext = await browser.newContext({
      viewport: { width: 1200, height: 800 },
      ...options,
    })
    const page = await context.newPage()
    const faults: string[] = []
    page.on('pageerror', (error) => faults.push(error.message))
    // What the schema refuses is an answer with an error's status, which the browser reports too.
    page.on('console', (message) => {
      if (message.type() === 'error' && !message.text().includes('422')) faults.push(message.text())
    })
    await page.goto(shop.console.url)
    await page.getByRole('treeitem', { name: /greeting/ }).waitFor()
    return {
      page,
      async [Symbol.asyncDispose]() {
        await context.close()
        expect(faults).toEqual([])
      },
    }
  }

  /** What axe has to say of the page as it is, and no secret in it. */
  async function check(page: Page): Promise<void> {
    await page.evaluate(axe)
    const found = await page.evaluate(async () => {
      type Axe = { run(): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> }
      const { violations } = await (globalThis as unknown as { axe: Axe }).axe.run()
      return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`)
    })
    expect(found).toEqual([])
    expect(await page.content()).not.toContain(TAINT)
  }

  /** Goes to a control by the Tab key alone. */
  async function tabTo(page: Page, name: RegExp): Promise<void> {
    for (let presses = 0; presses < 40; presses++) {
      const label = String(await page.evaluate(FOCUSED_LABEL))
      if (name.test(label)) return
      await page.keyboard.press('Tab')
    }
    throw new Error(`The Tab key does not lead to ${name}`)
  }

  test('the whole story, by keys alone: find, edit, refused, mended, asked, applied, taken back', async () => {
    await using shop = await openShop()
    await shop.startInstance()
    await shop.startInstance({ isOlder: true })
    await using opened = await openPage(shop)
    const { page } = opened
    const { keyboard } = page
    const heading = (name: RegExp) => page.getByRole('heading', { name }).waitFor()
    expect(page.url()).not.toContain('token')
    await check(page)
    await keyboard.press('/')
    await keyboard.type('pool max')
    await page.getByText('1 of').waitFor()
    await tabTo(page, /^Values$/)
    await keyboard.press('ArrowDown')
    await keyboard.press('Enter')
    await page.getByLabel('New value').waitFor()
    await keyboard.press('Control+A')
    await keyboard.type('9999')
    await keyboard.press('Enter')
    await page.getByText('Too big').waitFor()
    await check(page)
    await tabTo(page, /^New value$/)
    await keyboard.press('Control+A')
    await keyboard.type('60')
    await keyboard.press('Enter')
    await heading(/Review the change/)
    await tabTo(page, /Ask the running instances/)
    await keyboard.press('Enter')
    await page.getByText('1 refuses it').waitFor()
    await page.getByText('1 would take it').waitFor()
    await check(page)
    await tabTo(page, /Why/)
    await keyboard.type('sale on Friday')
    await tabTo(page, /^Apply$/)
    await keyboard.press('Enter')
    await heading(/Applied as revision/)
    await page.getByText('1 refuses it').waitFor()
    await page.getByText('1 has it').waitFor()
    await check(page)
    expect((await shop.client.kv.get('/config/shop/prod/db/pool/max'))?.text).toBe('60')
    await tabTo(page, /Take it back/)
    await keyboard.press('Enter')
    await heading(/Take back: as it was/)
    await page.locator('.after').getByText('40').waitFor()
    await tabTo(page, /^Apply$/)
    await keyboard.press('Enter')
    await heading(/Applied as revision/)
    expect((await shop.client.kv.get('/config/shop/prod/db/pool/max'))?.text).toBe('40')
    await tabTo(page, /To the history/)
    await keyboard.press('Enter')
    await page.getByText('sale on Friday').waitFor()
    await check(page)
    await page.getByRole('link', { name: 'Compare' }).click()
    await page.getByText('4 places differ').waitFor()
    await check(page)
    await tabTo(page, /^Promote features.gifts$/)
    await keyboard.press('Space')
    await tabTo(page, /^Promote 1 place…$/)
    await keyboard.press('Enter')
    await heading(/Promote from staging/)
    await page.locator('.after').getByText('true').waitFor()
    await tabTo(page, /^Discard$/)
    await keyboard.press('Enter')
    await page.getByRole('link', { name: 'Live' }).click()
    await page.getByText('sale on Friday').waitFor()
    await keyboard.press('p')
    await shop.client.kv.put('/config/shop/prod/greeting', 'live')
    await page.getByText(/Paused: [1-9]/).waitFor()
    await keyboard.press('p')
    await page.getByText('another tool').first().waitFor()
    await page
      .getByText(/has revision/)
      .first()
      .waitFor()
    await check(page)
    await page.getByRole('link', { name: 'Fleet' }).click()
    await page.getByText('2 instances').waitFor()
    await page.getByRole('img', { name: /half after/ }).waitFor()
    await check(page)
    await page.getByRole('link', { name: 'Schema' }).click()
    await page.getByRole('searchbox').fill('milliseconds')
    await page.getByRole('link', { name: 'http.timeoutMs' }).waitFor()
    await check(page)
  })

  test('read-only, dark and narrow, with script in keys, values and messages', async () => {
    await using shop = await openShop({ readOnly: true })
    const hostile = '<img src=x onerror=document.title="run">'
    await shop.client.kv.put(`/config/shop/prod/features/${hostile}`, 'true')
    await shop.admin.set('greeting', `${hostile}\u202e`, {
      overlay: 'prod',
      author: hostile,
      message: hostile,
    })
    await using opened = await openPage(shop, { colorScheme: 'dark', viewport: { width: 390, height: 780 } })
    const { page } = opened
    await page.getByText('read-only').waitFor()
    expect(await page.getByRole('link', { name: 'Change' }).count()).toBe(0)
    await check(page)
    await page.getByRole('treeitem', { name: /greeting/ }).click()
    await page.getByText('Who changed it').waitFor()
    await page.locator('.current').getByText('\\u202e').waitFor()
    expect(await page.getByRole('button', { name: 'Change' }).count()).toBe(0)
    expect(await page.getByRole('button', { name: /Take back/ }).count()).toBe(0)
    await check(page)
    await shop.client.kv.put('/config/shop/prod/greeting', 'by another tool')
    await page.locator('.current').getByText('by another tool').waitFor()
    expect(await page.title()).toBe('Tree · shop · livetree')
    await page.getByRole('link', { name: 'Compare' }).click()
    await page.getByText(/\d places differ/).waitFor()
    expect(await page.getByRole('checkbox').count()).toBe(0)
    expect(await page.getByRole('button', { name: /Promote/ }).count()).toBe(0)
    await check(page)
    await page.getByRole('link', { name: 'Live' }).click()
    await page.getByText('by another tool').waitFor()
    expect(await page.getByRole('button', { name: /Take back/ }).count()).toBe(0)
    expect(await page.locator('img').count()).toBe(0)
  })
})
