import assert from 'node:assert/strict';
import { call, hostOf } from './http.ts';
import type { TestServer } from './server.ts';

/** What came back for a page. */
export interface PageReply {
  readonly status: number;
  readonly text: string;
  readonly headers: Readonly<Record<string, unknown>>;
}

/** Sends a request; a form is sent as one. */
export type PageSender = (
  method: string,
  path: string,
  headers: Readonly<Record<string, string>>,
  form?: Readonly<Record<string, string>>,
) => Promise<PageReply>;

/** A browser without scripts: it keeps cookies, shows a page, and sends the page's form as a person fills it in. */
export interface FormBrowser {
  readonly cookies: Map<string, string>;
  /** The page that is shown. */
  readonly page: PageReply;
  open(path: string): Promise<PageReply>;
  /** Fills the fields in and presses the button of that name and value, or the only one. */
  submit(fields: Readonly<Record<string, string>>): Promise<PageReply>;
  /** The hidden fields of the page's form. */
  hidden(): Record<string, string>;
}

/** Opens a browser that speaks through a sender, at an origin. */
export function formBrowser(send: PageSender, origin: string): FormBrowser {
  const cookies = new Map<string, string>();
  let page: PageReply = { status: 0, text: '', headers: {} };
  let path = '/';
  const ask = async (method: string, to: string, form?: Readonly<Record<string, string>>): Promise<PageReply> => {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const headers = {
      ...(cookie !== '' && { cookie }),
      ...(form && { origin, 'sec-fetch-site': 'same-origin' }),
    };
    page = await send(method, to, headers, form);
    path = to;
    for (const header of [page.headers['set-cookie'] ?? []].flat()) {
      const [pair = ''] = String(header).split(';');
      cookies.set(pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1));
    }
    const { location } = page.headers;
    return page.status === 302 ? ask('GET', String(location)) : page;
  };
  const hidden = () =>
    Object.fromEntries(
      [...page.text.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)">/g)].map(([, name, value]) => [
        name!,
        unescapeHtml(value!),
      ]),
    );
  return {
    cookies,
    get page() {
      return page;
    },
    hidden,
    open: (to) => ask('GET', to),
    submit: (fields) => {
      for (const name of Object.keys(fields))
        assert.ok(page.text.includes(`name="${name}"`), `the page has no field ${name}:\n${page.text}`);
      return ask('POST', path, { ...hidden(), ...fields });
    },
  };
}

/** Opens a browser at the login host of a server. */
export function browserAt(server: TestServer): FormBrowser {
  return formBrowser(
    async (method, path, headers, form) => {
      const body = form && new URLSearchParams(form).toString();
      const type = { 'content-type': 'application/x-www-form-urlencoded' };
      return call(server, { method, path, host: 'login', body, headers: { ...headers, ...(form && type) } });
    },
    `https://${hostOf(server, 'login')}`,
  );
}

/** The text of a page without its markup. */
export function textOf(page: PageReply): string {
  return unescapeHtml(page.text.replace(/<style>.*?<\/style>/s, '').replace(/<[^>]*>/g, ' '))
    .replace(/\s+/g, ' ')
    .trim();
}

function unescapeHtml(text: string): string {
  return text.replace(/&#(\d+);/g, (_, code: string) => String.fromCharCode(Number(code)));
}
