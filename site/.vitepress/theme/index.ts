// The default theme with the fonts of the reader's system, so that a page loads none.
export { default } from 'vitepress/theme-without-fonts'
