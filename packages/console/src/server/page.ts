/**
 * The page. Its addresses are relative to where the browser found it, which no proxy has to tell: the first script sets the base to
 * that, with a slash at its end.
 *
 * @param nonce of this answer alone
 */
export function pageHtml(nonce: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>livetree</title>
<script nonce="${nonce}">{const b=document.createElement('base');b.href=location.pathname.replace(/\\/?$/,'/');document.head.append(b)}</script>
<link rel="icon" href="data:,">
<link rel="stylesheet" nonce="${nonce}" href="assets/app.css">
<script type="module" nonce="${nonce}" src="assets/app.js"></script>
</head>
<body><div id="app"></div><noscript>The console of livetree needs JavaScript.</noscript></body>
</html>
`
}
