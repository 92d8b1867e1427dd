import { render } from 'preact'
import { NEW_TOKEN, takeToken } from './api.ts'
import { App } from './app.tsx'

takeToken()
// A new address that is pasted into this tab differs after the `#` alone: the page is not loaded again.
addEventListener('hashchange', () => {
  if (takeToken()) dispatchEvent(new Event(NEW_TOKEN))
})
const root = document.getElementById('app')
if (root !== null) render(<App />, root)
