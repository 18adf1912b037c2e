"""Asks a running server by OpenAI's Python client:   pip install openai; python examples/chat.py [URL] [QUESTION]"""

import os
import sys

from openai import OpenAI

url = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8080"
question = sys.argv[2] if len(sys.argv) > 2 else "What is the capital of France?"
client = OpenAI(base_url=url + "/v1", api_key=os.environ.get("CALIDROP_API_KEY", "none"))
stream = client.chat.completions.create(
    model=client.models.list().data[0].id,
    messages=[{"role": "user", "content": question}],
    temperature=0,
    max_tokens=200,
    stream=True,
    stream_options={"include_usage": True},
    extra_body={"calidrop": {"budget": 512}},  # what OpenAI has no name for: the memory of this answer is bounded
)
for chunk in stream:
    if chunk.choices:
        print(chunk.choices[0].delta.content or "", end="", flush=True)
    else:
        cache = chunk.calidrop["cache"]
        print(f"\n{chunk.usage.completion_tokens} tokens; {cache['kept']:.0f} of {cache['seen']} kept")
