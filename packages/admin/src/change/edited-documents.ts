import { JsonDocument } from './json-document.ts'

/** The documents that keys hold while they are edited, each read once. */
export class EditedDocuments {
  readonly #documents = new Map<string, JsonDocument | undefined>()
  readonly #edited = new Set<string>()

  /** The document in a key. @param text what the key holds without the edits of its document */
  at(key: string, text: string | undefined): JsonDocument | undefined {
    if (!this.#documents.has(key))
      this.#documents.set(key, text === undefined ? undefined : JsonDocument.of(text))
    return this.#documents.get(key)
  }

  /** The text of a document with edits that are not written into its key yet. */
  editedText(key: string): string | undefined {
    return this.#edited.has(key) ? this.#documents.get(key)?.text : undefined
  }

  /** Says that the document of a key was edited. */
  edit(key: string): void {
    this.#edited.add(key)
  }

  /** The key holds something else now. */
  forget(key: string): void {
    this.#documents.delete(key)
    this.#edited.delete(key)
  }

  /** The documents with edits that are not written yet. */
  get edited(): readonly (readonly [key: string, document: JsonDocument])[] {
    return [...this.#edited].flatMap((key) => {
      const document = this.#documents.get(key)
      return document === undefined ? [] : [[key, document] as const]
    })
  }
}
