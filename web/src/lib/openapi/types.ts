/** What of OpenAPI 3.0 the contract uses. Whatever else a document holds is left alone. */
export interface Ref {
  $ref: string;
}
export interface Schema {
  type?: string;
  format?: string;
  description?: string;
  enum?: unknown[];
  default?: unknown;
  example?: unknown;
  nullable?: boolean;
  minLength?: number;
  maxLength?: number;
  pattern?: string;
  minimum?: number;
  maximum?: number;
  minItems?: number;
  maxItems?: number;
  minProperties?: number;
  required?: string[];
  properties?: Record<string, Schema | Ref>;
  additionalProperties?: boolean | Schema | Ref;
  items?: Schema | Ref;
  oneOf?: (Schema | Ref)[];
  anyOf?: (Schema | Ref)[];
  allOf?: (Schema | Ref)[];
}
export interface Media {
  schema?: Schema | Ref;
  example?: unknown;
  examples?: Record<string, { value?: unknown }>;
}
export interface Parameter {
  name: string;
  in: string;
  required?: boolean;
  description?: string;
  schema?: Schema | Ref;
  example?: unknown;
}
export interface Response {
  description?: string;
  headers?: Record<string, { description?: string; schema?: Schema | Ref; example?: unknown } | Ref>;
  content?: Record<string, Media>;
}
export interface Operation {
  operationId?: string;
  summary?: string;
  description?: string;
  tags?: string[];
  parameters?: (Parameter | Ref)[];
  requestBody?: { required?: boolean; content?: Record<string, Media> } | Ref;
  responses?: Record<string, Response | Ref>;
  "x-action"?: string;
}
export interface OpenApi {
  openapi: string;
  info: { title: string; version: string; description?: string };
  paths: Record<string, Record<string, Operation>>;
  components?: Record<string, Record<string, unknown>>;
}
