"""Garment outlines and textile patterns as tables, for `artwork`.

Coordinates are design units on a 480 x 600 sheet whose axis of symmetry is x = 240.
Paths use four letters of SVG's language: M (move), L (line), Q (quadratic), C (cubic),
all absolute. A `Part` is painted over the parts listed before it.
"""

from typing import NamedTuple

# How a path becomes an outline.
HALF = "half"  # left half, from the axis to the axis; its mirror image closes it
BOTH = "both"  # the outline and its mirror image
ONCE = "once"  # exactly as written


class Part(NamedTuple):
    """One painted piece: its role (see `artwork`), how it is mirrored, and its path."""

    role: str
    join: str
    path: str


Parts = tuple[Part, ...]

# A mark to a line: exploded by the formatter, the tables cannot be read as drawings.
# fmt: off
_LEAN = "M240 128 Q212 124 205 92 L164 106 Q150 150 166 200"  # neck to armpit
_LONG_SLEEVES: Parts = (
    Part("cloth", BOTH, "M166 105 Q134 114 121 158 L76 378 Q94 392 118 390 L172 212 Z"),
    Part("trim", BOTH, "M79 363 L76 378 Q94 392 118 390 L122 376 Q98 378 79 363 Z"),
    Part("fold", BOTH, "M150 170 Q132 250 108 350"),
)
_SHORT_SLEEVES: Parts = (
    Part("cloth", BOTH, "M168 104 Q134 112 118 150 L86 216 Q104 240 140 246 L174 190 Z"),
    Part("fold", BOTH, "M150 150 Q140 186 126 220"),
)
_THREE_QUARTER: Parts = (
    Part("cloth", BOTH, "M166 105 Q134 114 121 158 L96 268 Q112 282 144 284 L172 212 Z"),
    Part("trim", BOTH, "M99 254 L96 268 Q112 282 144 284 L148 268 Q118 268 99 254 Z"),
    Part("fold", BOTH, "M150 170 Q138 214 122 254"),
)
_BACK_NECK = Part("inside", HALF, "M240 98 Q218 98 204 88 L198 112 Q214 140 240 146")
_BACK_COLLAR = Part("inside", HALF, "M240 82 Q216 82 204 88 L198 112 Q214 140 240 150")
_BAND_COLLAR = Part(
    "trim", BOTH,
    "M205 92 Q206 76 214 74"
    " Q222 106 240 122 L240 138 Q212 128 205 92 Z",
)
_TEE_BODY = Part(
    "cloth", HALF,
    "M240 136 Q208 132 201 92 L160 106 Q154 150 164 200 Q162 320 160 462 Q200 470 240 470",
)
_TEE_FOLDS: Parts = (
    Part("fold", BOTH, "M176 210 Q186 300 178 440"),
    Part("fold", ONCE, "M262 250 Q250 340 262 450"),
    Part("glow", ONCE, "M214 180 Q206 300 214 440"),
)
_KURTA_FOLDS: Parts = (
    Part("fold", BOTH, "M176 220 Q186 340 166 500"),
    Part("fold", ONCE, "M266 270 Q256 390 274 510"),
    Part("glow", ONCE, "M208 180 Q200 340 200 500"),
    Part("glow", ONCE, "M294 230 Q290 360 304 490"),
)
_SHIRT_COLLAR: Parts = (
    Part("plain", BOTH, "M207 84 Q220 78 226 84 L240 124 L214 150 L196 104 Z"),
    Part("seam", BOTH, "M203 104 L216 141 L236 122"),
)
_PLEATS: Parts = (
    Part("fold", BOTH, "M220 262 Q200 400 176 536"),
    Part("fold", BOTH, "M200 262 Q160 390 116 524"),
    Part("fold", ONCE, "M240 260 L240 540"),
    Part("glow", BOTH, "M210 262 Q182 400 148 530"),
    Part("glow", BOTH, "M230 262 Q222 400 210 538"),
)

UPPER: dict[str, Parts] = {
    "kurta": (
        _BACK_NECK, *_LONG_SLEEVES,
        Part("cloth", HALF, _LEAN + " Q166 320 132 520 Q190 532 240 532"),
        Part("trim", HALF, "M240 518 Q190 518 134 506 L132 520 Q190 532 240 532"),
        Part("trim", HALF, "M240 128 L232 126 L232 252 L240 260"),
        _BAND_COLLAR,
        Part("button", ONCE, "M240 152 M240 178 M240 204 M240 230"),
        Part("seam", BOTH, "M158 350 L148 430"),
        *_KURTA_FOLDS,
    ),
    "kurti": (
        _BACK_NECK, *_THREE_QUARTER,
        Part("cloth", HALF,
             "M240 176 L236 160 Q208 138 205 92 L164 106 Q150 150 166 200"
             " Q172 260 164 300 Q150 380 138 474 Q190 488 240 488"),
        Part("trim", HALF, "M240 472 Q190 472 140 458 L138 474 Q190 488 240 488"),
        Part("trim", BOTH, "M205 92 Q208 138 236 160 L240 176 L240 190 Q196 160 195 95 Z"),
        Part("bead", BOTH, "M186 102 Q188 172 240 208"),
        *_KURTA_FOLDS,
    ),
    "kurta_set": (
        Part("second", BOTH, "M238 380 L160 380 L150 552 Q176 562 206 556 L238 410 Z"),
        Part("trim", BOTH, "M151 538 L150 552 Q176 562 206 556 L209 542 Q176 548 151 538 Z"),
        _BACK_NECK, *_THREE_QUARTER,
        Part("cloth", HALF, _LEAN + " Q170 300 138 452 Q190 466 240 466"),
        Part("trim", HALF, "M240 450 Q190 450 141 436 L138 452 Q190 466 240 466"),
        Part("trim", HALF, "M240 128 Q212 124 205 92 L192 97 Q200 158 240 236"),
        Part("inside", HALF, "M240 128 Q212 124 205 92 Q212 130 240 170"),
        Part("bead", BOTH, "M184 100 Q194 176 240 252"),
        *_KURTA_FOLDS,
        Part("second", ONCE,
             "M300 96 L322 100 Q352 240 346 392 L352 520 Q332 532 306 526 Q318 300 300 96 Z"),
        Part("trim", ONCE, "M351 496 L352 520 Q332 532 306 526 L308 502 Q332 508 351 496 Z"),
        Part("fold", ONCE, "M318 130 Q340 300 328 510"),
    ),
    "anarkali": (
        _BACK_NECK, *_LONG_SLEEVES,
        Part("cloth", HALF,
             _LEAN + " Q176 232 182 250 Q150 400 82 528 Q150 556 240 556"),
        Part("trim", HALF, "M240 532 Q150 530 94 504 L82 528 Q150 556 240 556"),
        Part("trim", HALF, "M240 240 Q206 240 180 236 L182 254 Q210 258 240 258"),
        Part("trim", HALF, "M240 128 Q212 124 205 92 L194 96 Q202 150 240 190"),
        Part("inside", HALF, "M240 128 Q212 124 205 92 Q208 138 240 160"),
        Part("bead", HALF, "M240 522 Q152 520 100 494"),
        Part("bead", BOTH, "M186 100 Q194 166 240 204"),
        *_PLEATS,
    ),
    "saree": (
        Part("second", BOTH, "M166 104 Q140 112 132 146 L120 206 Q138 222 162 222 L176 190 Z"),
        Part("trim", BOTH, "M122 194 L120 206 Q138 222 162 222 L165 210 Q138 210 122 194 Z"),
        Part("inside", HALF, "M240 112 Q218 112 204 92 L200 116 Q214 150 240 156"),
        Part("second", HALF, "M240 158 Q210 150 203 94 L164 106 Q156 150 168 196"
             " Q172 222 176 238 Q206 244 240 244"),
        Part("cloth", HALF,
             "M240 262 L176 262 Q140 330 130 420 L116 540 Q180 556 240 556"),
        Part("trim", HALF, "M240 530 Q180 530 119 514 L116 540 Q180 556 240 556"),
        Part("cloth", ONCE, "M206 266 L272 266 L304 550 Q248 562 186 550 Z"),
        Part("trim", ONCE, "M189 524 Q248 536 301 524 L304 550 Q248 562 186 550 Z"),
        Part("seam", ONCE, "M216 268 L204 550 M229 268 L224 554 M242 268 L244 556"
             " M254 268 L264 554 M264 268 L284 552"),
        Part("cloth", ONCE, "M172 270 Q168 236 178 214 Q240 180 278 100 L318 106"
             " Q330 150 316 200 L308 288 Q236 300 172 270 Z"),
        Part("trim", ONCE, "M178 214 Q240 180 278 100 L290 101 Q256 200 176 230 Z"),
        Part("cloth", ONCE, "M280 98 Q306 92 326 108 Q352 220 356 420 L314 430 Q318 240 280 98 Z"),
        Part("trim", ONCE, "M354 362 L356 420 L314 430 L315 372 Z"),
        Part("tassel", ONCE, "M314 430 L356 420"),
        Part("trim", ONCE, "M280 98 Q318 240 314 430 L322 428 Q326 240 290 97 Z"),
        Part("fold", ONCE, "M190 252 Q260 230 306 130"),
        Part("fold", ONCE, "M200 274 Q270 268 310 220"),
        Part("glow", ONCE, "M184 240 Q252 214 296 120"),
        Part("fold", ONCE, "M338 180 Q342 300 338 410"),
        Part("fold", BOTH, "M172 320 Q150 420 142 530"),
        Part("glow", BOTH, "M190 330 Q172 420 164 530"),
    ),
    "lehenga": (
        Part("cloth", BOTH, "M176 92 Q150 98 142 128 L134 160 Q150 172 170 172 L182 150 Z"),
        Part("inside", HALF, "M240 98 Q220 98 208 82 L204 100 Q214 132 240 136"),
        Part("cloth", HALF, "M240 140 Q212 132 206 84 L174 94 Q168 130 178 160"
             " Q182 182 184 198 Q210 204 240 204"),
        Part("trim", HALF, "M240 192 Q210 192 183 186 L184 198 Q210 204 240 204"),
        Part("trim", HALF, "M240 140 Q212 132 206 84 L198 87 Q204 142 240 152"),
        Part("cloth", HALF,
             "M240 236 L186 236 Q148 380 70 520 Q140 554 240 556"),
        Part("trim", HALF, "M240 516 Q150 512 92 480 L70 520 Q140 554 240 556"),
        Part("trim", HALF, "M240 232 L186 232 L182 252 Q210 256 240 256"),
        Part("bead", HALF, "M240 500 Q156 496 102 464"),
        Part("bead", HALF, "M240 536 Q146 532 82 502"),
        *_PLEATS,
        Part(
            "second", ONCE,
            "M288 232 Q312 228 318 250"
            " Q376 360 386 500 L340 522 Q338 360 288 232 Z",
        ),
        Part("trim", ONCE, "M384 470 L386 500 L340 522 L340 490 Z"),
        Part("tassel", ONCE, "M340 522 L386 500"),
        Part("fold", ONCE, "M312 262 Q354 380 362 490"),
    ),
    "dupatta": (
        Part("cloth", ONCE, "M176 84 Q240 62 304 84 L338 100 Q348 110 344 130 L352 520 L262 534"
             " L256 160 L224 160 L214 506 L128 492 L136 130 Q134 108 144 100 Z"),
        Part("trim", ONCE, "M351 456 L352 520 L262 534 L260 468 Z"),
        Part("trim", ONCE, "M130 430 L128 492 L214 506 L216 444 Z"),
        Part("bead", ONCE, "M350 440 L260 452 M131 414 L216 428"),
        Part("tassel", ONCE, "M262 534 L352 520 M128 492 L214 506"),
        Part(
            "plainfold", ONCE,
            "M136 128 Q240 104 344 128"
            " Q300 150 256 160 L224 160 Q180 150 136 128 Z",
        ),
        Part("fold", ONCE, "M284 170 Q290 340 286 500"),
        Part("fold", ONCE, "M322 150 Q330 320 330 500"),
        Part("fold", ONCE, "M158 150 Q150 300 152 470"),
        Part("fold", ONCE, "M196 166 Q188 320 190 480"),
        Part("glow", ONCE, "M304 160 Q310 320 308 500"),
        Part("glow", ONCE, "M178 160 Q170 320 170 470"),
    ),
    "shawl": (
        Part("inside", HALF, "M240 96 Q216 92 200 76 L192 110 Q214 190 240 230"),
        Part("cloth", ONCE, "M280 74 Q334 92 360 170 Q380 260 392 446 Q320 472 236 466"
             " Q240 330 226 236 Q276 160 280 74 Z"),
        Part("trim", ONCE, "M390 412 L392 446 Q320 472 236 466 L237 432 Q320 438 390 412 Z"),
        Part("bead", ONCE, "M389 400 Q330 424 237 420"),
        Part("tassel", ONCE, "M240 466 Q320 472 392 446"),
        Part("cloth", ONCE, "M200 74 Q146 92 120 170 Q100 260 88 440 Q150 472 252 456"
             " Q244 350 290 250 Q206 200 200 74 Z"),
        Part("trim", ONCE, "M90 406 L88 440 Q150 472 252 456 L250 424 Q150 438 90 406 Z"),
        Part("bead", ONCE, "M91 394 Q150 424 249 412"),
        Part("trim", ONCE, "M200 74 Q206 200 290 250 L282 260 Q194 206 190 78 Z"),
        Part("tassel", ONCE, "M88 440 Q150 472 252 456"),
        Part("fold", ONCE, "M170 110 Q170 220 246 266"),
        Part("fold", ONCE, "M144 150 Q138 240 200 300"),
        Part("fold", ONCE, "M140 260 Q126 340 126 430"),
        Part("fold", ONCE, "M196 310 Q176 380 174 440"),
        Part("glow", ONCE, "M158 130 Q154 230 220 280"),
        Part("fold", ONCE, "M310 110 Q316 180 286 236"),
        Part("fold", ONCE, "M340 190 Q354 320 354 440"),
        Part("fold", ONCE, "M300 270 Q320 360 318 450"),
    ),
    "stole": (
        Part("cloth", ONCE, "M190 92 Q240 40 290 92 Q300 140 262 190 L306 512 L238 526 L222 200"
             " Q180 140 190 92 Z"),
        Part("inside", ONCE, "M214 108 Q240 76 266 108 Q262 140 240 160 Q218 140 214 108 Z"),
        Part(
            "cloth", ONCE,
            "M190 96"
            " Q200 150 250 186 L218 500 L148 486 L204 196 Q176 140 190 96 Z",
        ),
        Part("trim", ONCE, "M157 442 L148 486 L218 500 L222 456 Z"),
        Part("trim", ONCE, "M300 468 L306 512 L238 526 L235 480 Z"),
        Part("tassel", ONCE, "M148 486 L218 500 M238 526 L306 512"),
        Part("fold", ONCE, "M222 210 Q200 340 180 476"),
        Part("fold", ONCE, "M248 220 Q266 360 270 506"),
        Part("glow", ONCE, "M236 220 Q216 350 202 480"),
    ),
    "blouse": (
        Part("inside", HALF, "M240 164 Q208 160 186 124 L180 160 Q200 226 240 236"),
        Part("cloth", BOTH, "M140 142 Q104 154 92 196 L74 286 Q100 308 142 306 L152 246 Z"),
        Part("trim", BOTH, "M78 266 L74 286 Q100 308 142 306 L145 286 Q104 288 78 266 Z"),
        Part("cloth", HALF, "M240 240 Q196 232 184 126 L136 144 Q130 200 146 258"
             " Q152 340 154 424 Q196 434 240 434"),
        Part("trim", HALF, "M240 412 Q196 412 153 402 L154 424 Q196 434 240 434"),
        Part("trim", HALF, "M240 240 Q196 232 184 126 L170 131 Q180 252 240 258"),
        Part("bead", BOTH, "M160 136 Q168 264 240 272"),
        Part("seam", BOTH, "M196 410 Q188 350 204 300"),
        Part("hook", ONCE, "M240 290 M240 316 M240 342 M240 368 M240 394"),
        Part("fold", BOTH, "M160 264 Q180 320 176 400"),
        Part("glow", BOTH, "M212 290 Q204 340 214 400"),
    ),
    "shirt": (
        _BACK_COLLAR, *_LONG_SLEEVES[:1], *_LONG_SLEEVES[2:],
        Part("cloth", HALF, "M240 128 Q212 124 205 92 L160 106 Q150 150 166 200"
             " Q164 320 160 448 Q176 482 240 482"),
        Part("plain", BOTH, "M80 352 L74 378 Q94 394 120 390 L126 364 Q102 366 80 352 Z"),
        Part("plain", HALF, "M240 130 L230 126 L230 482 L240 482"),
        Part("seam", ONCE, "M230 130 L230 481 M250 130 L250 481"),
        Part("pocket", ONCE, "M272 216 L318 216 L318 262 L295 274 L272 262 Z"),
        *_SHIRT_COLLAR,
        Part("button", ONCE, "M240 168 M240 216 M240 264 M240 312 M240 360 M240 408 M240 450"),
        *_TEE_FOLDS,
    ),
    "top": (
        _BACK_NECK,
        Part("cloth", BOTH, "M170 102 Q134 110 112 158 L82 262 Q108 300 152 296 L176 212 Z"),
        Part("trim", BOTH, "M84 256 L80 272 Q108 306 150 304 L152 290 Q112 292 84 256 Z"),
        Part("cloth", HALF, "M240 170 Q210 150 203 93 L164 104 Q154 150 168 204"
             " Q170 300 146 430 Q192 448 240 448"),
        Part("trim", BOTH, "M203 93 Q210 150 240 170 L240 180 Q198 160 194 96 Z"),
        Part("line", ONCE, "M240 172 Q230 200 224 236 M240 172 Q250 206 258 230"),
        Part("seam", HALF, "M240 404 Q192 402 150 390"),
        Part("fold", BOTH, "M180 224 Q186 320 172 420"),
        Part("fold", BOTH, "M150 140 Q128 200 118 270"),
        Part("fold", ONCE, "M264 260 Q256 340 270 430"),
        Part("glow", ONCE, "M212 200 Q206 320 206 430"),
    ),
    "tshirt": (
        _BACK_NECK, *_SHORT_SLEEVES,
        Part("seam", BOTH, "M90 208 Q108 230 144 236"),
        _TEE_BODY,
        Part("rib", BOTH, "M201 92 Q208 132 240 136 L240 147 Q198 143 191 95 Z"),
        Part("seam", HALF, "M240 460 Q200 460 161 452"),
        *_TEE_FOLDS,
    ),
    "polo": (
        _BACK_COLLAR, *_SHORT_SLEEVES,
        Part("rib", BOTH, "M94 200 L86 216 Q104 240 140 246 L148 230 Q114 226 94 200 Z"),
        _TEE_BODY,
        Part("plain", HALF, "M240 128 L229 124 L229 216 L240 216"),
        Part("seam", ONCE, "M229 128 L229 216 L251 216 L251 128"),
        *_SHIRT_COLLAR,
        Part("button", ONCE, "M240 152 M240 176 M240 200"),
        Part("seam", HALF, "M240 460 Q200 460 161 452"),
        *_TEE_FOLDS,
    ),
    "hoodie": (
        Part("inside", HALF, "M240 66 Q200 66 196 110 L204 150 Q220 160 240 160"),
        *_LONG_SLEEVES[:1], *_LONG_SLEEVES[2:],
        Part("rib", BOTH, "M82 354 L74 382 Q94 398 120 394 L128 366 Q104 370 82 354 Z"),
        Part("cloth", HALF, "M240 168 Q210 150 200 100 L158 108 Q150 150 162 204"
             " Q156 320 154 440 Q196 450 240 450"),
        Part("rib", HALF, "M240 448 Q196 446 154 438 L160 470 Q196 476 240 476"),
        Part("cloth", BOTH, "M240 56 Q176 54 176 116 Q196 156 240 176 L240 160"
             " Q214 138 210 104 Q214 76 240 74 Z"),
        Part("plain", HALF, "M240 336 L196 336 L168 396 L172 432 Q210 438 240 438"),
        Part("seam", BOTH, "M196 336 L168 396"),
        Part("cord", BOTH, "M222 150 Q220 190 224 230"),
        *_TEE_FOLDS,
    ),
    "sweater": (
        _BACK_NECK, *_LONG_SLEEVES[:1], *_LONG_SLEEVES[2:],
        Part("rib", BOTH, "M82 354 L74 382 Q94 398 120 394 L128 366 Q104 370 82 354 Z"),
        Part("cloth", HALF, "M240 136 Q208 132 201 92 L158 106 Q150 150 162 204"
             " Q156 320 154 440 Q196 450 240 450"),
        Part("rib", HALF, "M240 448 Q196 446 154 438 L160 472 Q196 478 240 478"),
        Part("rib", BOTH, "M201 92 Q208 132 240 136 L240 152 Q196 148 187 97 Z"),
        *_TEE_FOLDS,
    ),
    "jacket": (  # the sleeveless band-collared waistcoat
        Part("inside", HALF, "M240 84 Q216 84 204 88 L198 112 Q214 140 240 150"),
        Part("inside", BOTH, "M176 104 Q150 140 152 222 L186 214 L190 110 Z"),
        Part("cloth", HALF, "M240 128 Q212 124 205 90 L172 102 Q196 168 150 222"
             " Q154 330 150 446 Q180 470 222 464 L240 440"),
        Part("seam", ONCE, "M240 128 L240 440"),
        Part("plain", BOTH, "M205 90 Q206 70 214 68 Q222 102 238 116 L238 140 Q212 128 205 90 Z"),
        Part("seam", BOTH, "M166 372 L212 364 L213 377 L166 385 L166 372"),
        Part("pocket", ONCE, "M276 222 L312 216 L313 229 L277 235 Z"),
        Part("square", ONCE, "M280 221 L286 200 L294 212 L302 196 L308 216 Z"),
        Part("seam", BOTH, "M179 106 Q204 168 158 226"),
        Part("button", ONCE, "M248 172 M248 222 M248 272 M248 322 M248 372 M248 420"),
        *_TEE_FOLDS,
    ),
    "sherwani": (
        _BACK_COLLAR, *_LONG_SLEEVES,
        Part("second", BOTH, "M236 470 L176 470 L182 566 Q206 572 228 566 Z"),
        Part("cloth", HALF, "M240 128 Q212 124 205 90 L162 106 Q150 150 166 200"
             " Q168 320 150 510 Q190 522 240 520"),
        Part("trim", HALF, "M240 128 L231 126 L231 520 L240 520"),
        Part("trim", BOTH, "M205 90 Q206 70 214 68 Q222 102 238 116 L238 140 Q212 128 205 90 Z"),
        Part("seam", ONCE, "M240 128 L240 520"),
        Part("bead", BOTH, "M222 138 L220 516"),
        Part("bead", BOTH, "M88 358 Q104 368 124 366"),
        Part("pocket", ONCE, "M278 218 L314 212 L315 224 L279 230 Z"),
        Part("button", ONCE, "M240 158 M240 190 M240 222 M240 254 M240 286 M240 318 M240 350"),
        *_KURTA_FOLDS,
    ),
    "dress": (
        _BACK_NECK, *_SHORT_SLEEVES,
        Part("cloth", HALF, "M240 176 Q220 136 205 92 L168 104 Q156 150 172 204"
             " Q176 236 180 262 Q150 380 104 500 Q160 526 240 526"),
        Part("seam", HALF, "M240 440 Q180 440 128 422"),
        Part("plain", HALF, "M240 258 Q206 258 179 252 L181 272 Q206 278 240 278"),
        Part("plain", BOTH, "M240 176 Q220 136 205 92 L190 97 Q206 150 240 192 Z"),
        Part("line", ONCE, "M246 276 Q262 310 256 350 M242 276 Q236 312 242 344"),
        Part("button", ONCE, "M240 204 M240 224 M240 244"),
        *_PLEATS[:4],
    ),
    "kids_set": (
        Part("second", BOTH, "M238 372 L170 372 L158 500 Q180 510 208 504 L238 412 Z"),
        _BACK_NECK,
        Part("cloth", BOTH, "M166 105 Q138 112 124 148 L100 260 Q116 272 142 270 L172 206 Z"),
        Part("trim", BOTH, "M103 246 L100 260 Q116 272 142 270 L146 256 Q120 258 103 246 Z"),
        Part("cloth", HALF, _LEAN + " Q170 300 146 424 Q190 436 240 436"),
        Part("trim", HALF, "M240 422 Q190 422 148 410 L146 424 Q190 436 240 436"),
        Part("accent", BOTH, "M205 92 L168 105 Q160 160 170 210 Q166 270 162 322"
             " Q184 336 210 326 Q222 240 216 160 Z"),
        Part("bead", BOTH, "M206 110 Q214 220 200 318"),
        _BAND_COLLAR,
        Part("button", ONCE, "M240 152 M240 178 M240 204"),
        *_KURTA_FOLDS[1:],
        Part("fold", BOTH, "M176 220 Q180 280 172 316"),
    ),
    "nightwear": (
        Part("rib", BOTH, "M238 350 L168 350 L156 544 Q182 552 212 546 L238 400 Z"),
        Part("plain", BOTH, "M157 526 L156 544 Q182 552 212 546 L215 528 Q182 534 157 526 Z"),
        _BACK_COLLAR, *_SHORT_SLEEVES,
        Part("plain", BOTH, "M94 200 L86 216 Q104 240 140 246 L148 230 Q114 226 94 200 Z"),
        Part("cloth", HALF, "M240 176 Q216 140 203 92 L162 105 Q154 150 166 200"
             " Q164 300 160 384 Q200 394 240 394"),
        Part("plain", HALF, "M240 176 L233 168 L233 394 L240 394"),
        Part("plain", BOTH, "M203 90 Q216 140 240 178 L222 190 L190 146 L198 132 L188 112 Z"),
        Part("pocket", ONCE, "M270 226 L312 226 L312 270 L270 270 Z"),
        Part("button", ONCE, "M240 206 M240 250 M240 294 M240 338 M240 374"),
        *_KURTA_FOLDS[2:],
        Part("fold", BOTH, "M226 400 Q206 460 204 540"),
        Part("fold", BOTH, "M176 220 Q184 300 172 380"),
    ),
    "vest": (
        Part("inside", HALF, "M240 116 Q214 108 200 84 L186 84 Q190 180 240 206"),
        Part("cloth", HALF, "M240 212 Q196 196 198 84 L170 84 Q176 180 140 216"
             " Q150 320 150 480 Q196 490 240 490"),
        Part("rib", BOTH, "M198 84 Q196 196 240 212 L240 222 Q186 204 189 84 Z"),
        Part("rib", BOTH, "M170 84 Q176 180 140 216 L142 228 Q188 186 179 84 Z"),
        Part("seam", HALF, "M240 476 Q196 476 151 468"),
        Part("fold", BOTH, "M166 240 Q180 340 170 460"),
        Part("glow", ONCE, "M214 250 Q206 360 212 470"),
    ),
}
# fmt: on
