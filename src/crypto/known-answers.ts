import type { ImportedJwk } from './key-provider.ts';

/**
 * One answer that is known beforehand, all bytes in base64url. `sign`: the one signature there is, and a changed one is wrong;
 * `verify`: a right signature, and a changed one is wrong; `open`: what a ciphertext opens to, and a changed one does not;
 * `seal`: the one ciphertext there is, which opens again.
 */
export interface KnownAnswer {
  readonly kind: 'sign' | 'verify' | 'open' | 'seal';
  readonly algorithm: string;
  readonly key: ImportedJwk;
  /** The digest, plaintext or ciphertext. */
  readonly input: string;
  /** The signature, plaintext or ciphertext. */
  readonly output: string;
  readonly iv?: string;
  readonly aad?: string;
  readonly tag?: string;
}

/** The key of NIST's CAVP, SigVer15_186-3, modulus 2048, the first case for SHA-256 that passes. */
const rsa: ImportedJwk = {
  family: 'RSA',
  members: {
    n: 'qREkWiz7M9juN135Q5905mnAOo2aytJb0nrPPNi-p-udvkcBVcfHJ4LJSGH3tXPNMlY5-wcOm6bmIZka76RRBhguTSZL5waANVlddUkFKYmz5_0EyryUASwSeKDvhnKxpR3RqeJ2gWukl96iS0_r492Ol3cHvNIwym-2-Ki_-ea6JPutzZPwASaxmzlqOObvhtGP75RbkVTBlj-0iMcCWVNRH4bQVji_4FZJNzC8Z3hEblnNPFw6zwego6ZJQ3k2UvEOMpKqem0loDGBzG9roGWNkJ5ZzioCusyXZv2MT71O2cI6hmhEuKeU1J5QX5-USHCnGq2-UzgDmCXC3_ga8w',
    e: 'AQAB',
    d: 'KQ0Rf5fWcvNkfCskQCgysVPSKiWCBWdohkXtlf-m440RY0dIarS0hcJ670liZTu2AlfvgiVnhaHT1Sqg4LlMNyed7nuzCGiKrumBCN5vE3PtLBJCnJuHcHVsEsA5CLNGsSn5Y7-qOKiTcZDMZW8FfvGoEt0DEvUShcT0b5JB8wKOpqYdsOklWXZGn11VQs7VXuLW9K_nZsCnD0mHHTad2POoKnFBY579Sh9KQAmCHDwrn1xfXu-ZpfAPvYvIGRo2VOj42M4S2Q5f8qTFMLdjBsjFbgVJpvJ3qyrzpgzMv0u0sstH8E8hH4uGqmU79pE_O17RkMUbWVjkBZei39MAYQ',
    p: 'v5beEIljtREzmbZkdl7-BG4tr9tw1uXincbsibeJsFk0jXTYkSnHrendtATG3Do0N8f8nyO8ONrcj_0P91eZn1wtUQuZMFYUfM30IeA9C-LHTsMzqWd8QwzGBPVVDQ2G3v3ecUiOPbiJxpmlystE3Nri88yjhpXng-b2JQgn77E',
    q: '4efjNhjRtk1oYsEy5LHNX6utIM5ivZe84qP1rS2me7Cn8LnkgzWjO3uV537ExH6RQWiB-ffCP5vBkYzGRDNcdCYOkM17Lg_tgC8Z54xe2ApDGzhjDYL5gsdKA4G47PlDxggQ-ukFdOIWNXslNQAjFtlSnLVkIPPMgt6jfLYk4eM',
    dp: 'vONcOoeJ0wmLix-kuoN7AxkxV_EMtgJdw1pM-JYIXOIGCvTJU40SfedVmlcfTB7iPqCf8rIDrzYwQJGp_RzTq6bwUrgRpvMnLcjLyd5PsXk7MO8I7xrFC0H7tQW_faf5cb5vYda7ziQzSadQKrjvQqNXIDCAhH8kiwnZYbdB0HE',
    dq: 'YpZpgT1ZoD6t9JMuG8JAx6TLfIq1atpis2IsoHRQuKBC2nq18FEjOJ1ZsVqQktRNngb22lk2672Uv2l5SWBE0-eb6bPTMyn-Uze7DWMkLRJlcOaty8LCE0HX2intw3WRD0aL6oRxPi5A1Pw2I6g4qAsV05AR75OWR_LT1GRFOlM',
    qi: 'EmHc4ePV0AaUi69gmrXRFHgMhcQrcGXd8OpB0NnhvOKxVAhlUeQl829G-w2mK6fgVLleUgfuCKbhqmjMYRq-PFfiCidc75W0I0slOeHtSOWiNjxPLLhBeNv217-WinIuzhaHN2cDCZzMGCow1XYbWqiu3TOUGZfGP2ePSrocDYI',
  },
};

const oct = (value: string): ImportedJwk => ({ family: 'oct', members: { k: value } });
const ec = (crv: string, x: string, y: string, d: string): ImportedJwk => ({ family: 'EC', members: { crv, x, y, d } });
/** `known answer` and its SHA-256. */
const PLAIN = 'a25vd24gYW5zd2Vy';
const DIGEST = 'IOGN2XUsTdiFJq-UuIZbwt9ceLdDECJ5qOutmk_QMnw';

/**
 * At least one known answer for each way in which keys are used. From NIST's CAVP (FIPS 186-3 SigVer15 and SigGen, the same for
 * secp256k1, AESVS, GCM, SP 800-38F) and RFC 4231; those of PSS and RSA encryption were made with the command openssl 3.0.
 */
export const knownAnswers: readonly KnownAnswer[] = [
  {
    kind: 'sign',
    algorithm: 'RS256',
    key: rsa,
    input: 'VEdGSYi-31q4Bo4M_Q6lOunw7HqYL1el5sr9O8G19WQ',
    output:
      'eU0KRbyfxv67WG4xnfppJMiIWUgCud65Zolj_bMJvwKBeWCnRXEG_EdPkWAUNuiVTLtoFTULLFG1PJaNLEjMF5lVDV0DtB9uWow8Jk0uL-C1uP9T_cud0RHJhctIjXCG5lSLQHfsAHIcnLUA_gegMcIDDorR3QESw0_9kJHXehh6rIZhspju4562FflxXExIpnYu3lWkZux_PNtqk3z8gBiKhdj406KoCxmc5eY3WvjwLwbXBqNNnPODGJA5ZdtUqqfT-np-5YA0zVjIQ1c5yJBjZuLduik_L7LBXwf6SVEBRHHn9nfTvaz_xMaKkG4I1os5-QEHRsus0imAzuc-jQ',
  },
  {
    kind: 'verify',
    algorithm: 'PS256',
    key: rsa,
    input: DIGEST,
    output:
      'HsFePSN9juRYBYxOqgWI8iEJlal3eTtMGgvs55VXivuoguHOIXYGDUPGob4k9GWweeKwqYLc0KO6GNFdQr7nEija0czRpKlPCaVR_AphqPfsHjZvjTGbXN5cgxbcuFhgAiG7jXQl8N16s5qiotqM7pmFgiawbUBCr6lvfjf_ZArquSGAv50ancehCJq5rspQESBQK3Ka0Mq7wJ9DVZjDsvA97F8qjkKJY7ZjSsEaLFPbqIRANUrXtEIiqGLIrEdsF-_GsZwDvuksiQIE1NsFSItl_khTofWtDNXC8TtK4oPDcBSoEXwvfVJ8_g3a8AX53wHrKuhaWa_GeXGfSo7t6g',
  },
  {
    kind: 'open',
    algorithm: 'RSA1_5',
    key: rsa,
    input:
      'bJzmz0J9FkZiz12DDVbyMoKFVcQymdv_zWEXruKlmMUFALhLUtnz9UvGLsV3G6j3P819vX6z-NfJLIHIhNA1PdxtQHsy7RA80CTO7R2w7hODM9QqdpU01HxRa0WgzVXWhGXEib9lsotYLJlfuZ_glzYCe-BJJCJzZlyUTzqC_rrBp31aL2qA8IWMtmIIJG55Xpvd-K9AHOXYdqxaok8WuRMNqyG-7FJHN0YKMaKig1Ybx3dwe5XmAnQZq95TsvRx9fEOZ7he6EmWzFLIiUTt58OHFcpZRL7z9Roy8b2grMzaP7djaV2UhK3xfdb3aCug7wlL_O2kSeaAOSiKJ1hW1w',
    output: PLAIN,
  },
  {
    kind: 'open',
    algorithm: 'RSA-OAEP',
    key: rsa,
    input:
      'U8gA4ZGKQIdGSL4L-9G8sVHAdY9xEGQC6VgI1-mCb7nzPneAWDREgCc5MuV2qzCG-_MZuDJBn4epz4IwweWBs7k3kbrSbHmnhuwm_ZnoKDnha7L3fnFPcM5Z7F1rRU5j69HG9-du5vVvQr9NwpAUNZtQUen-qc7hNzgsOdScl76RSYfHcCfJ6OIjCTY4KGCHjTh6VVrwJhDLCSYkV8jlKmtVEoMGXw_rhz9ROaiW2AYTtIbZyCnlIvXrZ_0v126vI60aWkBNNI1zg2bpTCpxACJGrWGVSWK9VhGR51T_ymnFJAGg0RCbBEPBHQxgU1q56szcp7AI1hfe3Nxfj-BUjQ',
    output: PLAIN,
  },
  {
    kind: 'open',
    algorithm: 'RSA-OAEP-256',
    key: rsa,
    input:
      'EJZuhjlS1FFZW-pAGsaBo44knRTjvufyN7v91pYIq9mnc3ix6THkLY2m7tfZVIEN11O9lTLjbmAzIHBldEtOhM6CNq30nMUf18URuz17-XU27unfJprV4kMqZ6d_d4RcwioJG6CRUdoJ0SXvbv5c7ywb6i3-AsR92hrd3K0JaiRpiAwakNPoFaCXrkq4RiUrn9bZ7vI9i-CB5KDim2qFOq7I2832mZ33XCoAPz6MUmOjim08YDEvsz8U5r0MjbGF3Rui20WsMDjWIjIZaeJsELfcCJeuLDfQUNNjwIlfCbaiyUE8fJEuobrW1ZgJDKRC7Bw3d8b_WHOJyjs37Yrs_g',
    output: PLAIN,
  },
  {
    kind: 'verify',
    algorithm: 'ES256',
    key: ec(
      'P-256',
      'HMvpHAdfx_TwM7-iSNuPzNNWXelLv7EvPFn_RsJxv4M',
      'zkAUxogR-aIaH9ssDmET4G23ypO3QE543HzNXKiaTKk',
      'UZtCPXFfi1gfT6juWfR3GltEyBMLTj6sylSlbdpytGQ',
    ),
    input: 'RKz2t-NsE0LCxYlyBP4JUE4eLvsakAN328TnpqEz7FY',
    output: '86yAYbUUeVuIQ-PWYpUn7Sr9ax9qVVp6yrteb3nIwqyL93gZygWmsnhsdiYr9zcc75eyGOlvF1o8zdoqzAWJAw',
  },
  {
    kind: 'verify',
    algorithm: 'ES384',
    key: ec(
      'P-384',
      'wrR5RPtd40LQMoWIAXfKX30PL8rXZ4zOQinW4ZMvysEb_Dw-l9lCo8Vr80EjAT2_',
      'NyV5BqgiOGbtoHQ8UZYWp2p1iuWK7oHF_TX786hVt3VKNtSgZy35XWxEqBz3Ygwt',
      'IBtDLY3xQyQYLWJh2z5LP0aoKESC1S43DaQebL30XsKVL123zLzjvClEn0-wgKyX',
    ),
    input: 'MaRS1hZNkEu1ckyHgoAjHq5wXCnOnUvH1Y4CDhCF8X7rzBo48O0L8rNE2B-9iWgl',
    output:
      'UINaklG60AgQYXfvAEsJGh5CNc0NqE__VFQrDtdVwdbyUWCdFOzxj54d3-ablG4yBHXz0wxkY7ZG6NO_JFWDAxRhHL3kBL5RixRGT9sZX9zJLrIi5h9CakpZLACmqJch',
  },
  {
    kind: 'verify',
    algorithm: 'ES512',
    key: ec(
      'P-521',
      'AGE4f9a5WRTohfkS7fu1-ydGVQJ_IWxAkcqD4ZM2dA_YGu3-BH9RtCvfaBYRIQE-DVWxF6FOQwP5Jsjeu3en_arR',
      'AOfQx1w4Ym6JXKIVJrn5_fhNzsuT8rIzOQVQ0rFGO37j9Y33NGQ1_wQ0GZWDyXxmWpfxL3BvI1faS0Aoje-Ijlnm',
      'APdJ0ycEvFM8qCzvCs8QPY9PumfwjSZ45RXtfbiGJn_68C-rAIDcojWbcvV0zMKaDyGMhlXAzM-f7mxeVnqhTLkm',
    ),
    input: 'Zfg0CAkiYb2lmTid8DOCxb4BqB_gCjbz9LtlQSY_gBYnxEDlCAlxKwys58IX5uUFGvgd6b_sMgTc1jxPmnQQRw',
    output:
      'AE3oJupwStELwPdTivijhD8oT1XIuUavkjWvWvdPK3bgmeS8cv150oo4D41LTJGawpDSSMN5g7oFrqQuLdef3TPoAIdIjIWalv6iZuoTv20RTEKbFjvpeldVkIbttkrtShhZS0b7nvx_0l2LLejwnKBYf1S9KHKZ9Hsv8SSqxWbo7jtD',
  },
  {
    kind: 'verify',
    algorithm: 'ES256K',
    key: ec(
      'P-256K',
      'Exyk5YESZ_qQ_GMdYpjC16TszMRcxg03jgZgth-C_o0',
      'z1rPjtPgu_c1MIzEFWBL00q49_yLSiJ0ERen-8cqeUk',
      'QiAqmDdPbcpDnAr4gUDkH47O0wYmgux_n8isnqg8fLI',
    ),
    input: 'WugxfTTR5ZXj-nJH24DAr0MgzOERbeGH-Pfi4JnA2NA',
    output: '2J-VhgcCMLsD5iXMoYyJuzEXzUcv9u4qUICfDokDkwlFlyhC6S46QavuoQidgS61NDyo8HWsnGbhPz2yhwSGOA',
  },
  {
    kind: 'open',
    algorithm: 'A256GCM',
    key: oct('VONS6h2Ev-ZKEBEJYRH752aK0iA9kCoBRYw7vYW_zhQ'),
    input: 'Qm4O_Gk7e-HzAY233bt-TQ',
    output: 'hfw9-tm1qNMljk_ERXG9Ow',
    iv: '33w7ygA5bQwBhJXZ',
    aad: 'fpaNcbUMHxH9AB8_70nQRQ',
    tag: '7oJXeVvmoRZNfh0tbKx3pw',
  },
  {
    kind: 'seal',
    algorithm: 'A256CBC',
    key: oct('btdtLZfGn9EzlYlSOTHyps_1VLFfc48h7HLdl6czCQc'),
    input: 'YoK4wFxcFTC5fUgWykNHYg',
    output: 'aswEFC4QCmX1G5et9RcsQQ',
    iv: 'hR6HZHduZ5aqtyLbtkSs6A',
  },
  {
    kind: 'seal',
    algorithm: 'A256KW',
    key: oct('9ZeC8dzrBUSo2gazSWm5IStVzm3L3Ql1oz9LP4i1ONo'),
    input: 'c9MwYLX58utXhcBwPd-nBA',
    output: 'LmOUbqPAkJAvoVWDdf2ykHdCrHTjlAP8',
  },
  {
    kind: 'seal',
    algorithm: 'CKM_AES_KEY_WRAP_PAD',
    key: oct('ldonAMpv2aUlVO4qjfE4b1uUoaYO2KSu9gqNYatfIlo'),
    input: '0Q',
    output: 'Brp65vMkjP3PJnUH-gAbxA',
  },
  {
    kind: 'sign',
    algorithm: 'HS256',
    key: oct('SmVmZQ'),
    input: 'd2hhdCBkbyB5YSB3YW50IGZvciBub3RoaW5nPw',
    output: 'W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM',
  },
];
