"""Words that would do harm where they were taken for markup, script, or a part of either."""

CORPUS = (
    "<script>alert(1)</script>",
    "</textarea></title></pre></script><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'><svg onload=alert(1)>",
    '" autofocus onfocus=alert(1) x="',
    "' onmouseover='alert(1)",
    "javascript:alert(1)",
    '<a href="javascript:alert(1)">click</a>',
    '<iframe srcdoc="<script>alert(1)</script>"></iframe>',
    '<div hx-get="/console/" hx-trigger="load" hx-on::load="alert(1)">x</div>',
    "{{ 7 * 7 }}{% if 1 %}<b>x</b>{% endif %}${alert(1)}",
    "<!--<img src=--><img src=x onerror=alert(1)>",
    "&lt;script&gt;alert(1)&lt;/script&gt;&#x3C;b&#x3E;",
    "<base href=//evil.example/><meta http-equiv=refresh content=0;url=//evil.example>",
    '=HYPERLINK("https://evil.example","x")',
    "\u202e\u2066<img/src=x/onerror=alert(1)>\u2028",
)
