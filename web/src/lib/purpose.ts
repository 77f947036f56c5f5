/** The header that says what a model is used for; none for no purpose. Browsers send Latin letters alone, so it is percent-encoded (RFC 8187). */
export function purposeHeader(purpose: string): { "X-Guardhouse-Purpose"?: string } {
  return purpose.trim() === "" ? {} : { "X-Guardhouse-Purpose": "UTF-8''" + encodeURIComponent(purpose.trim()) };
}
