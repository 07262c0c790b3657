"""Outlines of what is worn below the waist, on the feet, or carried; see `shapes`."""

from truestyle.seed.shapes import BOTH, HALF, ONCE, Part, Parts

# A mark to a line: exploded by the formatter, the tables cannot be read as drawings.
# fmt: off
_TROUSER_LEGS = "M178 96 L302 96 L318 160 L330 522 Q300 530 266 524 L244 236 L214 524"
_TROUSERS = _TROUSER_LEGS + " Q180 530 150 522 L162 160 Z"

LOWER: dict[str, Parts] = {
    "skirt": (
        Part("cloth", HALF, "M240 120 L176 120 Q140 300 82 490 Q150 522 240 522"),
        Part("plain", HALF, "M240 112 L177 112 L174 142 Q206 148 240 148"),
        Part("seam", HALF, "M240 300 Q180 300 130 286"),
        Part("seam", HALF, "M240 416 Q170 414 106 396"),
        Part("trim", HALF, "M240 502 Q154 500 89 470 L82 490 Q150 522 240 522"),
        Part("cord", ONCE, "M246 146 Q262 176 258 206 M240 146 Q236 176 240 200"),
        Part("fold", BOTH, "M220 152 Q206 320 180 506"),
        Part("fold", BOTH, "M196 152 Q164 320 120 486"),
        Part("glow", BOTH, "M208 152 Q188 320 150 494"),
        Part("fold", ONCE, "M240 152 L240 510"),
    ),
    "jeans": (
        Part("inside", HALF, "M240 84 Q204 84 178 88 L178 104 Q206 112 240 112"),
        Part("cloth", ONCE, _TROUSERS),
        Part("plain", ONCE, "M178 90 Q240 106 302 90 L305 114 Q240 130 175 114 Z"),
        Part("stitch", ONCE, "M176 111 Q240 127 304 111 M178 94 Q240 110 302 94"),
        Part("stitch", BOTH, "M172 152 Q206 152 214 122 M168 149 Q202 148 209 121"),
        Part("stitch", ONCE, "M244 124 L244 236 M256 126 Q260 176 244 196"),
        Part("stitch", BOTH, "M172 118 L157 518 M150 514 Q182 522 214 516"),
        Part("seam", BOTH, "M200 96 L200 118 M194 96 L194 117"),
        Part("button", ONCE, "M240 112"),
        Part("fold", BOTH, "M222 236 Q200 236 178 226"),
        Part("fold", BOTH, "M216 260 Q206 380 196 510"),
        Part("glow", BOTH, "M188 220 Q180 360 178 470"),
    ),
    "trousers": (
        Part("inside", HALF, "M240 84 Q204 84 178 88 L178 104 Q206 112 240 112"),
        Part("cloth", ONCE, _TROUSERS),
        Part("plain", ONCE, "M178 90 Q240 106 302 90 L304 112 Q240 128 176 112 Z"),
        Part("seam", BOTH, "M186 118 L168 176 M204 120 L198 160"),
        Part("seam", ONCE, "M244 120 L244 236"),
        Part("seam", BOTH, "M198 160 L184 524"),
        Part("button", ONCE, "M240 111"),
        Part("fold", BOTH, "M220 240 Q204 380 202 516"),
        Part("glow", BOTH, "M180 220 Q172 360 170 500"),
    ),
    "churidar": (
        Part("cloth", BOTH, "M240 92 L176 92 Q156 160 162 250 Q166 340 166 420 L172 538"
             " Q188 544 206 538 Q216 400 226 300 L240 236 Z"),
        Part("plain", HALF, "M240 84 L177 84 L174 112 Q206 118 240 118"),
        Part("cord", ONCE, "M246 116 Q260 146 255 176 M240 116 Q236 146 242 168"),
        Part("seam", BOTH, "M169 470 Q186 478 210 468 M170 486 Q188 494 209 484"
             " M171 502 Q188 510 208 500 M172 518 Q188 526 207 516"),
        Part("fold", BOTH, "M226 240 Q208 250 190 244"),
        Part("fold", BOTH, "M216 280 Q206 400 198 460"),
        Part("glow", BOTH, "M184 200 Q178 340 180 450"),
    ),
    "salwar": (
        Part("cloth", BOTH, "M240 106 L176 106 Q118 240 124 380 Q140 470 150 512 L202 516"
             " Q214 420 240 352 Z"),
        Part("plain", HALF, "M240 98 L177 98 L174 132 Q206 138 240 138"),
        Part("trim", BOTH, "M145 490 L150 516 L202 520 L205 494 Z"),
        Part("cord", ONCE, "M246 136 Q262 170 256 206 M240 136 Q234 170 240 196"),
        Part("fold", BOTH, "M216 142 Q160 260 150 430"),
        Part("fold", BOTH, "M230 142 Q196 280 176 490"),
        Part("fold", BOTH, "M198 142 Q140 260 132 380"),
        Part("glow", BOTH, "M222 142 Q176 280 164 460"),
    ),
    "socks": (
        Part("cloth", ONCE, "M252 116 L340 116 L342 322 Q346 356 376 386 Q414 420 396 452"
             " Q372 484 330 462 L270 412 Q246 388 250 340 Z"),
        Part("rib", ONCE, "M250 116 L342 116 L342 158 L250 158 Z"),
        Part("cloth", ONCE, "M128 136 L216 136 L218 342 Q222 376 252 406 Q290 440 272 472"
             " Q248 504 206 482 L146 432 Q122 408 126 360 Z"),
        Part("rib", ONCE, "M126 136 L218 136 L218 178 L126 178 Z"),
        Part("accent", ONCE, "M126 360 Q124 408 146 432 L160 444 Q182 406 126 360 Z"),
        Part("accent", ONCE, "M252 406 Q290 440 272 472 Q248 504 206 482 Q214 436 252 406 Z"),
        Part("fold", ONCE, "M140 340 Q170 364 216 352"),
        Part("fold", ONCE, "M204 190 L206 330"),
        Part("fold", ONCE, "M328 170 L330 320"),
        Part("glow", ONCE, "M156 190 L154 330"),
    ),
    "jutti": (
        Part("sole", ONCE, "M92 256 Q100 286 180 288 L330 286 Q380 282 384 258 Z"),
        Part("inside", ONCE, "M232 226 Q300 190 372 196 Q388 220 384 256 L240 256 Z"),
        Part("cloth", ONCE, "M74 196 Q82 232 130 220 Q190 176 246 206 Q280 250 340 238"
             " Q372 226 378 200 Q394 230 386 266 Q240 284 112 272 Q70 250 74 196 Z"),
        Part("trim", ONCE, "M246 206 Q280 250 340 238 Q372 226 378 200 L382 210"
             " Q374 240 340 250 Q274 262 238 214 Z"),
        Part("sole", ONCE, "M112 416 Q120 446 200 448 L350 446 Q404 440 406 412 Z"),
        Part("inside", ONCE, "M252 376 Q320 336 392 346 Q408 372 404 410 L260 414 Z"),
        Part("cloth", ONCE, "M92 346 Q100 388 150 374 Q210 326 266 358 Q300 406 360 394"
             " Q392 380 398 350 Q416 382 408 422 Q260 442 132 430 Q88 406 92 346 Z"),
        Part("trim", ONCE, "M266 358 Q300 406 360 394 Q392 380 398 350 L403 362"
             " Q394 396 360 406 Q294 418 258 366 Z"),
        Part("flower", ONCE, "M196 388 M166 246"),
        Part("bead", ONCE, "M130 420 Q260 432 400 412 M110 262 Q240 276 380 256"),
        Part("fold", ONCE, "M110 400 Q150 410 190 424"),
        Part("glow", ONCE, "M170 376 Q210 342 250 362"),
        Part("glow", ONCE, "M150 226 Q190 190 232 208"),
    ),
    "kolhapuri": (
        Part("sole", BOTH, "M170 134 Q112 134 112 220 Q116 300 132 360 Q130 470 172 472"
             " Q216 470 214 370 Q224 300 226 220 Q224 134 170 134 Z"),
        Part("insole", BOTH, "M170 142 Q120 144 120 222 Q124 300 140 360 Q138 462 172 464"
             " Q208 462 206 368 Q216 300 218 220 Q216 144 170 142 Z"),
        Part("stitch", BOTH, "M170 150 Q128 152 128 222 Q132 300 148 360 Q146 454 172 456"
             " Q200 454 198 366 Q208 300 210 220 Q208 152 170 150 Z"),
        Part("cloth", BOTH, "M110 262 Q150 212 168 208 Q200 214 228 262 L226 310 Q196 262 170 258"
             " Q144 262 114 310 Z"),
        Part(
            "cloth", BOTH,
            "M160 168 Q150 190 162 216 L178 216"
            " Q190 190 180 168 Q170 160 160 168 Z",
        ),
        Part("seam", BOTH, "M120 284 Q150 236 168 232 Q196 238 220 284"),
        Part("bead", BOTH, "M117 272 Q150 222 168 218 Q198 224 222 272"),
        Part("flower", BOTH, "M170 234"),
        Part("fold", BOTH, "M116 318 Q146 276 170 272 Q194 276 224 318"),
        Part("fold", BOTH, "M160 224 Q168 250 176 256"),
    ),
    "sandal": (
        Part("sole", BOTH, "M170 134 Q112 134 112 220 Q116 300 132 360 Q130 470 172 472"
             " Q216 470 214 370 Q224 300 226 220 Q224 134 170 134 Z"),
        Part("insole", BOTH, "M170 142 Q120 144 120 222 Q124 300 140 360 Q138 462 172 464"
             " Q208 462 206 368 Q216 300 218 220 Q216 144 170 142 Z"),
        Part("cloth", BOTH, "M108 186 Q168 160 230 186 L230 226 Q168 198 108 226 Z"),
        Part("cloth", BOTH, "M110 248 Q168 222 228 248 L226 284 Q168 258 114 284 Z"),
        Part("cloth", BOTH, "M124 358 Q170 330 218 358 L216 386 Q170 358 126 386 Z"),
        Part("stitch", BOTH, "M112 194 Q168 168 226 194 M114 256 Q168 230 224 256"),
        Part("metal", BOTH, "M206 348 L220 354 L218 374 L204 368 Z"),
        Part("fold", BOTH, "M114 292 Q168 268 224 292"),
        Part("fold", BOTH, "M112 234 Q168 208 226 234"),
        Part("glow", BOTH, "M150 186 Q168 182 186 186"),
    ),
    "sneaker": (
        Part("inside", ONCE, "M262 222 Q320 190 384 210 L396 262 L280 280 Z"),
        Part("cloth", ONCE, "M70 384 Q76 346 130 326 Q190 304 238 236 Q262 214 282 226"
             " Q320 262 376 232 Q398 222 400 250 Q404 320 418 352 L420 398 L70 398 Z"),
        Part("accent", ONCE, "M376 232 Q398 222 400 250 Q404 320 418 352 L420 392 L362 392"
             " Q344 300 376 232 Z"),
        Part("plain", ONCE, "M70 384 Q76 346 130 326 Q170 350 178 396 L70 396 Z"),
        Part("white", ONCE, "M62 386 Q240 394 426 382 Q436 412 418 428 L90 430 Q58 424 62 386 Z"),
        Part("seam", ONCE, "M64 410 Q240 418 428 406"),
        Part("plain", ONCE, "M176 306 Q224 266 250 224 L278 226 Q270 290 216 344 Z"),
        Part("lace", ONCE, "M188 292 L226 330 M206 274 L242 312 M222 254 L256 290"
             " M236 236 L266 266"),
        Part("white", ONCE, "M262 374 Q312 356 346 300 L362 312 Q340 372 300 380 Z"),
        Part("stitch", ONCE, "M182 384 Q174 346 140 330 M372 240 Q350 300 366 380"),
        Part("fold", ONCE, "M90 378 Q240 386 400 374"),
        Part("glow", ONCE, "M104 356 Q140 334 176 326"),
    ),
    "bag": (
        Part("strap", ONCE, "M166 240 Q168 96 240 92 Q312 96 314 240"),
        Part("cloth", HALF, "M240 226 L128 226 Q112 360 100 484 Q104 508 130 510 L240 512"),
        Part("inside", HALF, "M240 218 Q160 218 128 226 Q160 238 240 238"),
        Part("plain", HALF, "M240 236 Q160 236 128 226 L124 262 Q170 272 240 272"),
        Part("trim", HALF, "M240 462 Q160 462 104 452 L100 484 Q104 508 130 510 L240 512"),
        Part("bead", HALF, "M240 448 Q160 448 106 438"),
        Part("strap", ONCE, "M158 256 Q160 112 240 108 Q320 112 322 256"),
        Part("metal", BOTH, "M150 246 L166 246 L166 264 L150 264 Z"),
        Part("stitch", HALF, "M240 266 Q170 266 126 256"),
        Part("tassel", ONCE, "M232 272 L250 272"),
        Part("fold", BOTH, "M136 290 Q126 400 122 480"),
        Part("fold", BOTH, "M200 290 Q204 330 194 380"),
        Part("glow", BOTH, "M160 290 Q150 380 152 450"),
    ),
    "belt": (
        Part("inside", ONCE, "M86 276 Q86 182 240 178 Q394 182 394 276 L394 300 Q372 236 240 232"
             " Q108 236 86 300 Z"),
        Part("cloth", ONCE, "M84 272 Q92 362 240 368 Q388 362 396 272 L396 330 Q388 426 240 430"
             " Q92 426 84 330 Z"),
        Part("stitch", ONCE, "M88 292 Q98 372 240 377 Q382 372 392 292"
             " M88 330 Q100 416 240 420 Q380 416 392 330"),
        Part("plain", ONCE, "M310 358 L330 354 L332 418 L312 422 Z"),
        Part("metal", ONCE, "M192 356 L288 356 L288 442 L192 442 Z"),
        Part("cloth", ONCE, "M204 368 L276 368 L276 430 L204 430 Z"),
        Part("metal", ONCE, "M198 394 L262 394 L262 404 L198 404 Z"),
        Part("hook", ONCE, "M166 394 M144 386 M124 374"),
        Part("fold", ONCE, "M100 370 Q160 420 240 420 Q320 420 380 370"),
        Part("glow", ONCE, "M100 310 Q160 378 240 382"),
    ),
}
# fmt: on
